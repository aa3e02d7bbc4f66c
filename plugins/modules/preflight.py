"""Documentation only: the action plugin of the same name does the work, on the controller."""

DOCUMENTATION = r"""
module: preflight
short_description: Refuse variables, and a server, with which a role cannot work
description:
  - Judges the variables in sight by a role's argument spec, all its entry points, and fails with one sentence for each
    thing that is wrong - all of them at once, on the controller, before anything is changed.
  - Wrong types are found as the values were written. Ansible's own validation converts values, and accepts null, in its
    own copy only, which no task reads.
  - A variable that looks like a slip of the pen is refused (C(nginx_client_max_body_sise)). With O(strict), every
    variable with the role's prefix is refused that neither the role nor a pattern of the variable
    C(foreign_variables), a list such as C([nginx_exporter_*]), knows.
  - With C(rolespec_validate=false) where a role is included, Ansible's own validation, which prints the whole spec
    after each error, is left out.
options:
  spec:
    type: path
    required: true
    description:
      - Path of the role's C(meta/argument_specs.yml), or of a file that has the options alone, for which no name is
        called unknown.
  entry_point:
    type: str
    default: main
    description: Entry point whose required options must be set.
  facts:
    type: list
    elements: str
    default: []
    description: Names with the role's prefix that the role itself sets for the rest of the playbook.
  mistakes:
    type: raw
    default: []
    description:
      - Further sentences, or the name of a variable with such a list. The variable is only read where no type is wrong.
  python:
    type: str
    default: ""
    description: First version of the server's Python that will do.
  renamed:
    type: dict
    default: {}
    description:
      - Old names of variables (C(nginx_old)) and of keys of their entries (C(nginx_sites.old)), each with its C(name)
        and the version C(removed_in) which it is refused. Until then it works, with a deprecation warning. Where the
        new name alone is given, the old one is refused.
      - Ansible's own validation must let it pass, so it stays in the spec, and the default of the new variable is
        C({{ nginx_old | default(…) }}). A role that reads an entry's key takes RV(variables), which has the new one.
  require_facts:
    type: bool
    default: true
    description: Whether facts that O(systems) and O(python) need, and that were not gathered, are a fault.
  strict:
    type: bool
    description: Whether every unknown variable is refused; the variable C(strict_variables) unless set.
  systems:
    type: dict
    default: {}
    description: First version of each system that will do, by the fact C(distribution).
  version:
    type: str
    description: Version that O(renamed) is compared with; the collection's unless set.
attributes:
  check_mode: {support: full, description: Changes nothing.}
  diff_mode: {support: none, description: Changes nothing.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Refuse what cannot work
  foobar.webstack.preflight:
    spec: "{{ role_path }}/meta/argument_specs.yml"
    systems: {Debian: "12", Ubuntu: "22.04"}
    python: "3.10"
    renamed: {shop_dir: {name: shop_path, removed_in: 0.3.0}}
    mistakes: __shop_mistakes
  register: __shop
"""

RETURN = r"""
variables:
  type: dict
  returned: success
  description: >-
    The variables that the spec knows, by their new names, with numbers and booleans that were given as text converted.
    They may have secrets and are not shown.
"""
