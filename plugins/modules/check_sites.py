"""Documentation only: the action plugin of the same name does the work, on the controller."""

DOCUMENTATION = r"""
module: check_sites
short_description: Refuse mistakes in the entries of sites and in the arguments of the command line
description:
  - Reads the variable C(sites), and those that are given on the command line as C(site), C(version), C(release),
    C(database), C(mode), C(command) and C(lines).
  - Says each mistake in one sentence, without values that are secrets.
options:
  spec:
    description: YAML file with the argument spec of C(sites).
    type: path
    required: true
  wiring:
    description: >-
      Folder of C(group_vars) beside the playbook. What stands there takes precedence over the inventory's
      C(group_vars), so a variable of both is a mistake.
    type: path
  playbook:
    description: >-
      Name of the playbook that asks, for the arguments that only it follows. One of C(deploy), C(rollback),
      C(releases), C(maintenance), C(run) and C(logs); others follow none.
    type: str
    default: ""
attributes:
  check_mode: {support: full, description: Checks in check mode too.}
  diff_mode: {support: none, description: Changes nothing.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Check the sites
  foobar.webstack.check_sites:
    spec: "{{ playbook_dir }}/meta/sites.yml"
    wiring: "{{ playbook_dir }}/group_vars"
    playbook: deploy
  run_once: true
"""

RETURN = r"""
version: {type: str, returned: success, description: Version of the collection.}
notes:
  type: list
  elements: str
  returned: success
  description: What follows from the entries and might surprise, such as a sandbox that a mail relay opens.
questions:
  type: list
  elements: str
  returned: success
  description: >-
    Comments that begin with C(# ?) in the inventory's C(group_vars), by file and line: what
    C(foobar.webstack.new) could not tell.
"""
