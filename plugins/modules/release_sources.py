"""Documentation only: the action plugin of the same name does the work, on the controller."""

DOCUMENTATION = r"""
module: release_sources
short_description: Find out on the controller which release each application is to have
description:
  - Makes a tar archive of each application's source, unless the cache holds it, from a folder, a git repository or an
    archive. All sources are asked at the same time.
  - A repository comes with its submodules and what Git LFS keeps, a folder without what tools have made for one
    machine, such as C(.venv) and C(node_modules). Commands on the controller can complete a source in a copy.
  - All hosts of a run get the same answer, also where a branch moves or a folder changes meanwhile.
  - A source that can't be had does not fail the task, so that the other applications get their releases.
  - The servers need neither git nor the keys of a repository.
options:
  apps:
    type: list
    elements: dict
    required: true
    description: >-
      Entries as in C(app_deploy_apps). Each has a C(name) and one of C(directory), C(repo) (with C(version) and
      C(key_file)) and C(archive) (with C(checksum)); C(subdirectory), C(include) and C(local_build_commands) count, and
      so do the keys that say which packages are installed.
  cache:
    type: path
    required: true
    description: Folder on the controller; a relative path goes by the folder that holds the inventory's C(group_vars).
  installer:
    type: str
    default: uv
    description: Tool that makes the environment of an application without C(installer).
  refuse:
    type: bool
    default: false
    description: Fail where a source was had and its packages can't be told, before a server is touched.
attributes:
  check_mode: {support: full, description: Fetches sources in check mode too.}
  diff_mode: {support: none, description: Shows no difference.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Find out which releases are wanted
  foobar.webstack.release_sources:
    apps:
      - {name: shop, repo: "git@git.example.com:shop.git", version: v1.4.0}
      - {name: blog, directory: ../blog}
    cache: .cache/releases
  register: wanted

- name: Show what can't be had
  ansible.builtin.debug:
    msg: "{{ wanted.sources.values() | selectattr('error', 'defined') | map(attribute='error') }}"
"""

RETURN = r"""
sources:
  type: dict
  returned: success
  description: >-
    By name, the C(path) of the archive on the controller, its C(revision), the C(files) at the root of the source, and
    in its subdirectory (C(subdirectory_files)), how many leading folders are to be left out (C(strip_components)), and
    how packages are installed (C(installation): its C(method), the C(lock) or list that was found, those
    C(passed_over), C(pins) of what a release is judged by, and files on the controller with the lines that are
    C(locked)); or an C(error), a sentence, and
    C(is_mistake) where the source was had and it is one of the entry or of the source.
"""
