"""Write the golden answers of Ansible itself for every case in ``cases.json``.

Run it with the Python of an environment that has ansible-core; the suite needs only its output.
Below the children of a group, Ansible's order of groups changes from run to run; answers that
differ in this alone are written as ``{"any order": [...]}``.
"""

# mypy: ignore-errors

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path

from ansible import context
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.common.collections import ImmutableDict
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template
from ansible.vars.manager import VariableManager

HERE = Path(__file__).parent
FIXTURES = HERE.parent / "fixtures"
OWN = {
    "ansible_check_mode",
    "ansible_config_file",
    "ansible_diff_mode",
    "ansible_facts",
    "ansible_forks",
    "ansible_inventory_sources",
    "ansible_playbook_python",
    "ansible_run_tags",
    "ansible_skip_tags",
    "ansible_verbosity",
    "ansible_version",
    "ansible_limit",
    "ansible_local",
    "groups",
    "hostvars",
    "inventory_dir",
    "inventory_file",
    "omit",
    "playbook_dir",
    "ansible_play_hosts",
    "vars",
    "ansible_all_group_hosts",
}


def plain(value):
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, str):
        return str(value)
    return value


def render(templar, value):
    try:
        return plain(templar.template(value))
    except Exception:
        return "<error>"


def trusted(value):
    return trust_as_template(value) if isinstance(value, str) else value


def record(case):
    loader = DataLoader()
    if case.get("plan_dir"):
        loader.set_basedir(str(FIXTURES / case["plan_dir"]))
    context.CLIARGS = ImmutableDict(basedir="" if not case.get("plan_dir") else case["plan_dir"])
    inventory = InventoryManager(loader=loader, sources=case["sources"])
    manager = VariableManager(loader=loader, inventory=inventory)
    manager._extra_vars = {k: trusted(v) for k, v in case.get("extra_vars", {}).items()}
    hosts = {}
    for host in inventory.hosts.values():
        known = manager.get_vars(host=host, include_hostvars=False, stage="all")
        templar = Templar(loader, variables=known)
        hosts[host.name] = {
            name: render(templar, value) for name, value in known.items() if name not in OWN
        }

    def names(pattern):
        try:
            return [host.name for host in inventory.get_hosts(pattern)]
        except AnsibleError:
            return None

    answer = {
        "hosts": hosts,
        "groups": {name: list(found) for name, found in inventory.get_groups_dict().items()},
        "patterns": {pattern: names(pattern) for pattern in case["patterns"]},
        "limits": [],
    }
    for pattern, limit in case.get("limits", []):
        inventory.subset(limit)
        answer["limits"].append([pattern, limit, names(pattern)])
        inventory.subset(None)
    return answer


def agreed(answers):
    first = answers[0]
    if all(answer == first for answer in answers):
        return first
    if isinstance(first, dict):
        return {key: agreed([answer[key] for answer in answers]) for key in first}
    members = {tuple(sorted(answer)) for answer in answers}
    assert len(members) == 1, members
    return {"any order": list(members.pop())}


def main():
    os.chdir(FIXTURES)
    init_plugin_loader()
    for name, case in json.loads((HERE.parent / "cases.json").read_text()).items():
        answers = [record(case) for _ in range(12)]
        answer = json.dumps(agreed(answers), indent=1, sort_keys=True, ensure_ascii=False)
        (HERE / f"{name}.json").write_text(answer + "\n")


main()
