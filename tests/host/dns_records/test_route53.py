"""The role against Route 53's interface, as moto's server speaks it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto.core.responses import ActionResult
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from moto.route53.responses import Route53

from tests.playbook import command, run

KEYS = {"access_key_id": "AKIDROUTE53CANARY", "secret_access_key": "route53-canary-secret"}


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run moto's server on a free port."""

    def list_health_checks(self: Route53) -> ActionResult:
        # Route 53 always says whether there are more; moto forgets to.
        return ActionResult({"HealthChecks": self.backend.list_health_checks(), "IsTruncated": False})

    monkeypatch.setattr(Route53, "list_health_checks", list_health_checks)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def route53(address: str) -> Any:
    """Return a client, with a zone that has a TXT record of somebody else."""
    names = {"aws_access_key_id": KEYS["access_key_id"], "aws_secret_access_key": KEYS["secret_access_key"]}
    client = boto3.client("route53", endpoint_url=address, region_name="us-east-1", **names)
    zone = client.create_hosted_zone(Name="foobar.com.", CallerReference="test")["HostedZone"]["Id"]
    existing = [("foobar.com.", "TXT", '"v=spf1 -all"'), ("www.foobar.com.", "A", "192.0.2.1")]
    changes = [
        {
            "Action": "CREATE",
            "ResourceRecordSet": {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]},
        }
        for name, kind, value in existing
    ]
    client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    return client


def records(client: Any) -> dict[tuple[str, str], list[str]]:
    """Return what the zone holds, but SOA and NS."""
    zone = client.list_hosted_zones()["HostedZones"][0]["Id"]
    found = client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return {
        (item["Name"], item["Type"]): [value["Value"] for value in item["ResourceRecords"]]
        for item in found
        if item["Type"] not in ("SOA", "NS")
    }


def test_route_53_gets_the_listed_records_once(route53: Any, address: str, tmp_path: Path) -> None:
    zone = {
        "zone": "foobar.com",
        "provider": {"class": "octodns_route53.Route53Provider", **KEYS},
        "records": [
            {"record": "", "type": "A", "value": ["8.8.8.8"]},
            {"record": "www", "type": "CNAME", "value": ["foobar.com"]},
            {"record": "_dmarc", "type": "TXT", "value": ["v=DMARC1; p=none"]},
            {"record": "", "type": "CAA", "value": ['0 issue "letsencrypt.org"']},
        ],
    }
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "roles": ["foobar.webstack.dns_records"],
        # moto answers no DNS questions.
        "vars": {"dns_records_zones": [zone], "dns_records_wait": 0},
    }
    playbook = tmp_path / "play.yml"
    playbook.write_text(yaml.safe_dump([play]))
    environment = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL_ROUTE_53": address}
    outputs = []
    for options in (["--check"], [], ["-vvv", "--diff"]):
        done = run(command(playbook, *options, inventory="localhost,"), environment, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        outputs.append(done.stdout + done.stderr)
    assert "+ www.foobar.com. 60 CNAME foobar.com." in outputs[0]
    assert ["changed=1" in output for output in outputs] == [True, True, False]
    assert KEYS["secret_access_key"] not in "".join(outputs)
    assert records(route53) == {
        ("foobar.com.", "A"): ["8.8.8.8"],
        ("foobar.com.", "CAA"): ['0 issue "letsencrypt.org"'],
        ("foobar.com.", "TXT"): ['"v=spf1 -all"'],
        # In Route 53's own notation, which it serves as a plain semicolon.
        ("_dmarc.foobar.com.", "TXT"): ['"v=DMARC1\\; p=none"'],
        ("www.foobar.com.", "CNAME"): ["foobar.com."],
    }
