"""Documentation only: the action plugin of the same name does the work, on the controller."""

DOCUMENTATION = r"""
module: release_files
short_description: Fill in the files of the user's own that releases have, on the controller
description:
  - Fills in templates of the user's folder with the variables of the host, secrets among them. What is returned is what
    C(app_deploy_settings) takes, and belongs to the settings of each release.
  - A template that can't be filled in is named, with the variable that is missing and without any value.
options:
  apps:
    type: list
    elements: dict
    required: true
    description: >-
      Entries as in C(app_deploy_apps), of which C(files) says by C(src) which templates there are, and by C(dest) where
      in the release each goes. A relative C(src) goes by the folder that holds the inventory's C(group_vars).
attributes:
  check_mode: {support: full, description: Changes nothing.}
  diff_mode: {support: none, description: Shows nothing.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Fill in what the environment can't carry
  foobar.webstack.release_files:
    apps:
      - name: shop
        files: [{src: files/local.py.j2, dest: config/local.py}]
  register: own
"""

RETURN = r"""
files:
  type: dict
  returned: success
  description: By name, a list of files with C(dest), C(content), C(owner), C(group), C(mode) and C(in_release).
"""
