"""Documentation only: the action plugin of the same name does the work, on the controller."""

DOCUMENTATION = r"""
module: new_site
short_description: Write the entry of a site from the files of its application
description:
  - Judges the answers of C(foobar.webstack.new), the folder that is to be written, and the application, whose files it
    reads without running any of them.
  - Adds the application's entry to C(group_vars/all/sites.yml) of the folder, unless there is one of the same source.
    What it could not tell stands there as a comment that begins with C(# ?).
  - Makes up the secrets that the entry wants, encrypts them with the password in C(.vault_password), which it makes
    where there is none, and has git ignore that.
  - Returns which other files the folder lacks; it writes none of them.
options:
  folder: {type: str, required: true, description: Folder of sites; it may be missing or empty.}
  domain: {type: str, required: true, description: The site's name.}
  address: {type: str, required: true, description: IP address of the server.}
  ssh_user: {type: str, required: true, description: User that logs in there.}
  source: {type: str, required: true, description: Folder of the application or address of its git repository.}
  dns: {type: str, required: true, description: "DNS provider: C(rfc2136), C(route53), C(cloudflare) or C(none)."}
  mail: {type: str, required: true, description: "Mail address for certificates, or an empty text."}
  env: {type: str, required: true, description: "Environment, such as C(production)."}
attributes:
  check_mode: {support: full, description: Writes nothing.}
  diff_mode: {support: none, description: Shows no difference.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Write the site's entry
  foobar.webstack.new_site:
    folder: ~/site
    domain: shop.example.com
    address: 203.0.113.7
    ssh_user: root
    source: ../shop
    dns: none
    mail: ""
    env: production
"""

RETURN = r"""
files:
  type: list
  elements: dict
  returned: success
  description: The other files that the folder lacks, as M(foobar.webstack.templates) takes them.
group: {type: str, returned: success, description: Number of the group that they belong to.}
next: {type: list, elements: str, returned: success, description: "What comes next, a sentence each."}
owner: {type: str, returned: success, description: Number of the user that they belong to.}
secrets:
  type: list
  elements: str
  returned: success
  description: Names of the secrets that were made up, or would be in check mode.
site: {type: dict, returned: success, description: What the templates read.}
"""
