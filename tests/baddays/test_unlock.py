"""``fleet hosts unlock`` gives no false comfort: it says what is known, of those that told it."""

from __future__ import annotations

from tests.baddays.hosts_site import hold_lock, without_a_plan
from tests.baddays.site import Area

HOST = "h001"


def test_no_lock_is_held_is_said_of_what_is_known_alone(area: Area) -> None:
    disk = area.disk(HOST)
    hold_lock(disk)
    unlock = ("hosts", "unlock", area.plan)
    typo = area.fleet(*unlock, HOST, "--package", "ap", expect=5)
    assert "did you mean 'app'?" in typo.stderr
    bare = ("hosts", "unlock", *without_a_plan(area, disk), HOST)
    typo = area.fleet(*bare, "--package", "ap", expect=5)
    assert "no host that answered has a package 'ap'" in typo.stderr
    assert "did you mean 'app'?" in typo.stderr
    (disk.state / "lock").write_text("rm -rf /\n")
    damaged = area.fleet(*unlock, HOST, expect=2)
    assert "app: the record of its lock is damaged" in damaged.stderr
    assert damaged.stdout == ""
    area.site.lab.cut(HOST)
    some = area.fleet(*unlock, expect=4)
    assert f"{HOST}  cannot reach" in some.stderr
    assert some.stdout == "no lock is held on h002, h003 (2 hosts)\n"
    none = area.fleet(*unlock, HOST, expect=4)
    assert none.stdout == ""
    area.site.lab.restore(HOST)
