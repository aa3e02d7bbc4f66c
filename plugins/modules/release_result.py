"""Documentation only: the action plugin of the same name does the work, on the controller."""

DOCUMENTATION = r"""
module: release_result
short_description: Say at the end of a run which releases have failed, and what serves
description:
  - With O(fail) it shows a block for each application that failed, which says why, which release serves on and where
    all of the output is, and a line for each application of a host that was lost. Then it fails.
  - Without O(fail) it only returns what the rest of the playbook may want to know.
options:
  apps: {type: dict, required: true, description: "C(apps) of the plan of M(foobar.webstack.release_plan)."}
  failures: {type: dict, required: true, description: "C(apps) of M(foobar.webstack.release_failure) on this host."}
  failed:
    type: list
    elements: str
    required: true
    description: Applications that failed on any host, as P(foobar.webstack.app_deploy_failed#filter) names them.
  busy:
    type: list
    elements: str
    required: true
    description: >-
      Applications of whose other releases a scheduled command runs, C(busy_apps) of M(foobar.webstack.release).
  lost: {type: dict, required: true, description: What P(foobar.webstack.app_deploy_lost#filter) knows of lost hosts.}
  fail: {type: bool, required: true, description: Whether to fail where something has failed or was lost.}
attributes:
  check_mode: {support: full, description: Changes nothing.}
  diff_mode: {support: none, description: Changes nothing.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Say what has failed and what serves
  foobar.webstack.release_result:
    apps: "{{ plan.apps }}"
    failures: "{{ failures.apps | default({}) }}"
    failed: "{{ failures.apps | default({}) | list }}"
    busy: []
    lost: {}
    fail: true
"""

RETURN = r"""
failed_apps: {type: list, elements: str, returned: always, description: The value of O(failed).}
unapplied:
  type: list
  elements: str
  returned: always
  description: Applications whose entry has changes that only other roles apply.
is_live:
  type: bool
  returned: always
  description: >-
    Whether all that is wanted is live. It is not where a release failed, a host was lost, a rollback stands, or a
    command of another release still runs.
"""
