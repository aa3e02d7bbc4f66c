"""Documentation only: the action plugin of the same name does the work, on the controller."""

DOCUMENTATION = r"""
module: release_failure
short_description: Record why a phase of a release failed, in one sentence
description:
  - Makes a sentence of the result of the task that failed, and, after a migration, of the state that the database is
    in.
  - With O(note) it is noted in C(/var/log/app_deploy/<name>.log) on the server. Where that fails, there is a warning.
  - Meant for the C(rescue) of a phase. It does not fail itself; M(foobar.webstack.release_result) does, at the end.
options:
  app: {type: dict, required: true, description: "The application, as M(foobar.webstack.release) takes it."}
  phase: {type: str, required: true, description: "Name of the phase, such as C(build)."}
  release: {type: str, required: true, description: "The release, or an empty text where it is not known."}
  failed: {type: dict, required: true, description: "The result of the task that failed, C(ansible_failed_result)."}
  before: {type: dict, required: true, description: What RV(apps) has been before in this run.}
  plan: {type: str, required: true, description: "C(id) of the plan of M(foobar.webstack.release_plan)."}
  note:
    type: bool
    required: true
    description: Whether it is noted on the server; who was refused the lock has no business in the log.
  dump: {type: str, default: "", description: Path of the dump that was made before the migration.}
  dump_host: {type: str, default: "", description: Host on which the dump is.}
attributes:
  check_mode: {support: none, description: Is not called where no phase is gone through.}
  diff_mode: {support: none, description: Shows no difference.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Build, or record why not
  block:
    - name: Build
      ansible.builtin.command: make
      changed_when: true
  rescue:
    - name: Record why the release failed
      foobar.webstack.release_failure:
        app: {name: shop, path: /srv/shop, service: gunicorn-shop, target: shop, sockets: /run/gunicorn-shop}
        phase: build
        release: 1a2b3c4d-5e6f7a8b
        failed: "{{ ansible_failed_result }}"
        before: {}
        plan: "{{ plan.id }}"
        note: true
      register: failures
"""

RETURN = r"""
plan: {type: str, returned: success, description: The value of O(plan).}
apps:
  type: dict
  returned: success
  description: >-
    By name of each application that has failed, the C(reason) as a sentence, the C(release), and the C(log) on the
    server with all output, or an empty text.
"""
