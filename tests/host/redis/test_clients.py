"""What applications reach Redis with, as the distribution has it."""

from pathlib import Path

testinfra_hosts = ["ansible://webstack-redis-trixie"]


def test_rq_celery_and_django_use_it_as_they_are(host):
    script = (Path(__file__).parent / "clients.py").read_text()
    member = "setpriv --reuid=nobody --regid=shop --clear-groups"
    said = host.run(f"{member} python3 -c %s /run/redis-shop/redis.sock", script)
    assert said.stdout.splitlines()[-3:] == ["rq: 36", "celery: 42", "django: value None"], said.stderr
