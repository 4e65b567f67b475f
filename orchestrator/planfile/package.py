"""The keys of one package of a plan."""

from __future__ import annotations

from orchestrator.model import plan as model
from orchestrator.model.trial import BootHook, RebootWhen, Trial
from orchestrator.planfile.keeping import BACKUPS, DATA, KEEP, DriftRules
from orchestrator.planfile.names import NAME, PATH, PATTERN, VARIABLE
from orchestrator.planfile.origin import ORIGIN, OneVersion, Versions
from orchestrator.planfile.releasing import POLICY
from orchestrator.schema import (
    Choice,
    Duration,
    Field,
    Flag,
    ListOf,
    MapOf,
    Shape,
    Template,
    UseOf,
    Whole,
    Wrong,
    shape_for,
)
from orchestrator.schema.units import spell_seconds

FOLDER = Template("an absolute path", r"/[^\n]*", "begin it with '/'")
SHELL = Template("shell text")

HOOKS = shape_for(
    model.Hooks,
    "Shell text run on the host around each phase, in this order.",
    Field(
        "pre_stage",
        SHELL,
        "Before the release is laid down; a failure refuses the host.",
        example="/usr/local/bin/make-room",
    ),
    Field(
        "post_stage",
        SHELL,
        "When it lies beside the active one; a failure ends it there.",
        example="bin/compile",
    ),
    Field(
        "pre_activate",
        SHELL,
        "Before the flip; a failure takes the host back.",
        example="bin/drain",
    ),
    Field(
        "post_activate",
        SHELL,
        "After the flip and the services; a failure takes the host back.",
        example="bin/warm-up",
    ),
    Field("pre_revert", SHELL, "Before going back.", example="bin/drain"),
    Field("post_revert", SHELL, "After going back.", example="bin/warm-up"),
    Field(
        "cleanup",
        SHELL,
        "At the end, either way; removes what the others left, and is free to fail.",
        example="rm -rf /tmp/drained",
    ),
    Field("timeout", Duration(1.0), "How long one hook may take."),
)

STEP = shape_for(
    model.Step,
    "A migration step: run once on a host before the flip, and never again.",
    Field("name", NAME, "Its name in the host's ledger.", example="add-index"),
    Field("run", SHELL, "Shell text that does it.", example="bin/migrate up 7"),
    Field(
        "down",
        SHELL,
        "Shell text that undoes it, also where it was cut off half-way.",
        example="bin/migrate down 7",
    ),
    Field("after", ListOf(NAME, single=True), "Steps that must be done before."),
    Field(
        "migrates",
        ListOf(PATH, single=True),
        "Paths in the bundles' config whose schema it changes; down changes it back.",
        example="[data/app.db]",
    ),
)


def _trial(
    deadline: float, renewal: float | None, ceiling: float | None, boot_hook: BootHook
) -> Trial:
    """Return the trial; a length that nobody gave yields to those that were given."""
    usual = Trial()
    most = ceiling if ceiling is not None else max(usual.ceiling, deadline, renewal or 0.0)
    each = renewal if renewal is not None else min(usual.renewal, most)
    for name, length in (("deadline", deadline), ("renewal", each)):
        if 0 < most < length:
            needed = spell_seconds(max(deadline, each))
            raise Wrong(
                f"a ceiling of {spell_seconds(most)} is below the {name} of "
                f"{spell_seconds(length)}, and no trial lasts longer than its ceiling",
                f"give a ceiling of at least {needed}, or a shorter {name}",
            )
    return Trial(deadline, each, most, boot_hook)


TRIAL = shape_for(
    Trial,
    "The time in which a new release must prove itself, and what guards it.",
    Field("deadline", Duration(5.0), "A host that is not confirmed by then goes back by itself."),
    Field(
        "renewal",
        Duration(60.0),
        "With commit: wave or run, how long a confirmed host waits for the others before it goes "
        "back by itself; fleet renews it while it is there; default: 1h, or a lower ceiling.",
        None,
        example="1h",
    ),
    Field(
        "ceiling",
        Duration(60.0),
        "How long a trial may last with all its renewals; default: 1d, or the longest above.",
        None,
        example="1d",
    ),
    Field(
        "boot_hook",
        Choice(BootHook),
        "Which releases need something on the host that guards the trial after a boot: all "
        "(required), those that reboot (for-reboots), or none (optional).",
    ),
    short="deadline",
    make=_trial,
)


def _reboot(gates: UseOf) -> Shape:
    return shape_for(
        model.Reboot,
        "Whether hosts are rebooted after the flip; at most once in a run.",
        Field(
            "when",
            Choice(RebootWhen),
            "if-required: when the bundle says so, or a hook makes the file $FLEET_REBOOT.",
        ),
        Field("deadline", Duration(5.0), "How long a host may take to come back."),
        Field(
            "max_boot_attempts",
            Whole(1, 100),
            "Boots before a release is confirmed; one more, and the host goes back by itself.",
        ),
        Field(
            "command",
            SHELL,
            "Shell text that reboots; default: systemctl, reboot or shutdown.",
            example="reboot -f",
        ),
        Field(
            "lock",
            gates,
            "What a host passes before it is activated, so that few reboot at once; kinds: below.",
            example="\n  fleet_lock: {url: https://locks.example.net}",
        ),
        short="when",
    )


def package_shape(checks: UseOf, triggers: UseOf, gates: UseOf) -> Shape:
    """Return the shape of one package, whose checks, triggers and gates are of the kinds given."""
    reboot = _reboot(gates)
    return shape_for(
        model.Package,
        "What should be where.",
        Field("on", PATTERN, "Pattern of the hosts that carry it.", example="gateways"),
        Field(
            "bundle",
            ORIGIN,
            ORIGIN.help,
        ),
        Field(
            "version",
            Versions(),
            "A version, or a range by npm's rules, of which the newest is taken; default: latest.",
            example='"^2.4"',
        ),
        Field("policy", POLICY, POLICY.help),
        Field(
            "root",
            FOLDER,
            "Where releases live; default: host variable fleet_root, /opt/fleet.",
            example="/opt/fleet",
        ),
        Field(
            "state",
            FOLDER,
            "Where the host keeps its records; default: host variable fleet_state, /var/lib/fleet.",
            example="/var/lib/fleet",
        ),
        Field("keep", KEEP, KEEP.help),
        Field("backups", BACKUPS, BACKUPS.help),
        Field(
            "factory",
            OneVersion(),
            "The golden release: it stays on hosts that had it committed; hosts restore --factory.",
            example='"1.0.0"',
        ),
        Field("data", DATA, DATA.help),
        Field(
            "on_drift",
            DriftRules(),
            "What becomes of managed files changed on a host: fail, keep, overwrite; or globs of "
            "paths, of which the first that fits decides.",
            example='{"etc/*": keep, default: fail}',
        ),
        Field("allow_downgrade", Flag(), "Accept a version lower than the one on the host."),
        Field("threshold", Whole(1, 16), "Distinct signers it needs; the trust file may ask more."),
        Field(
            "restart",
            ListOf(Template(), single=True),
            "Services restarted after each flip, in order; an item with a space is a command.",
            example="[gateway.service]",
        ),
        Field(
            "reload",
            ListOf(Template(), single=True),
            "Services reloaded after these, in order; one that does not run is started.",
            example="[nginx.service]",
        ),
        Field(
            "environment",
            MapOf(Template("text", r"[\s\S]*"), VARIABLE),
            "Variables for hooks, steps and checks.",
            example="{MODE: production}",
        ),
        Field(
            "pre_checks",
            ListOf(checks),
            "Asked before anything is sent to the host; all kinds are below.",
            example="\n  - disk_space: {path: /opt, free: 500MiB}\n  - platform: {arch: x86_64}",
        ),
        Field(
            "validations",
            ListOf(checks),
            "Asked after the flip; a no takes the host back.",
            example="\n  - script: bin/validate\n  - tcp: 127.0.0.1:8080",
        ),
        Field("hooks", HOOKS, HOOKS.help),
        Field("steps", ListOf(STEP), "Migration steps, in order."),
        Field(
            "triggers",
            ListOf(triggers),
            "What the host asks itself during the trial, to go back at once; all kinds are below.",
            example="\n  - service_health: gateway.service\n  - system_metrics",
        ),
        Field("trial", TRIAL, TRIAL.help),
        Field("reboot", reboot, reboot.help),
    )
