#!/usr/bin/python
"""Fill in the templates of several files on the controller."""

DOCUMENTATION = r"""
module: rendered_files
short_description: Fill in the templates of several files on the controller
description:
  - Makes the contents of files that another role writes, such as those that belong to one release of an application.
    It runs on the controller and asks nothing of the server. The contents may hold secrets, so use C(no_log).
options:
  files:
    type: list
    elements: dict
    required: true
    description: The files.
    suboptions:
      app: {type: str, required: true, description: Application that the file belongs to.}
      src: {type: str, required: true, description: "Template, looked for as M(ansible.builtin.template) does."}
      dest: {type: path, required: true, description: "Path on the server, in which C(%i) may stand for a release."}
      vars: {type: dict, description: Variables for this template alone.}
attributes:
  check_mode: {support: full, description: Fills in templates in check mode too.}
  diff_mode: {support: none, description: Changes nothing.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Fill in what each release of the shop runs with
  foobar.webstack.rendered_files:
    files:
      - {app: shop, src: shop.service.j2, dest: /etc/systemd/system/shop@%i.service}
  register: settings
  no_log: true
"""

RETURN = r"""
files:
  type: dict
  returned: success
  description: >-
    By application, the files with their C(content) in the place of C(src) and C(vars); all other keys are kept.
"""
