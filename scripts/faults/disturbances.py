"""Ways to disturb a sweep while it runs. Each takes the campaign and a folder, starts `crosslaw run` there, and leaves the
folder as it is when that has ended, with no process of it left unless it says so."""

import contextlib
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import time

from kill_and_resume_test import trainers_of

NOBODY = 65534
PROGRAMS = ("crosslaw", "crosslaw-train")
# Calls of a program in a sweep of this size, about; later ones are never reached.
CALLS = {"rename": 60, "fsync": 150, "write": 400, "mkdir": 30, "unlink": 20}
# A queue on this machine, of templates: jobs are processes, the listing is made from their files.
QUEUE = """[launch]
backend = "command"
devices = "cpu"
gpus = 0
submit = ["{queue}/submit", "{{script}}", "{{log}}"]
job_pattern = "^([0-9]+)"
poll = ["{queue}/list"]
poll_pattern = "^([0-9]+) ([A-Z]+)"
queued = ["PD"]
running = ["R"]
ended = ["CD"]
stop = ["{queue}/stop", "{{job}}"]
cancel = ["{queue}/stop", "{{job}}"]
"""
SUBMIT = """#!/bin/sh
cd "$(dirname "$0")"
setsid /bin/sh "$1" >>"$2" 2>&1 </dev/null &
job=$!
touch "jobs/$job"
if mkdir killed-once 2>/dev/null; then kill -9 $PPID; fi  # after the submission, before its number is stored
echo "$job"
"""
LIST = """#!/bin/sh
cd "$(dirname "$0")"
for job in $(ls jobs); do
  if kill -0 "$job" 2>/dev/null; then echo "$job R"; else echo "$job CD"; fi
done
"""
STOP = """#!/bin/sh
kill -TERM "$1" 2>/dev/null
exit 0
"""


def start(campaign, folder, log, spec=None, **options):
    return subprocess.Popen([campaign.crosslaw, "run", spec or campaign.spec, "--dir", folder, "--yes"],
                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)


def end_trainers(folder):
    for pid in trainers_of(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    while trainers_of(folder):
        time.sleep(0.02)


def finished(campaign, folder, log):
    shutil.copytree(campaign.undisturbed, folder)
    return "finished"


def signalled(campaign, folder, log):
    """One or two processes at one folder, of which each is stopped or killed, or a trainer of theirs."""
    draw = campaign.draw
    how_many, what = draw.choice((1, 1, 1, 2)), draw.choice(("killed", "killed", "a trainer killed", "stopped"))
    processes = [start(campaign, folder, log) for _ in range(how_many)]
    time.sleep(draw.uniform(0.05, campaign.seconds))
    if what == "a trainer killed":
        for pid in trainers_of(folder)[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(draw.uniform(0, 0.5))
    for process in processes:
        process.send_signal(signal.SIGTERM if what == "stopped" else signal.SIGKILL)
    for process in processes:
        process.wait(timeout=300)
    if draw.random() < 0.7:  # else what it started goes on, and is adopted
        end_trainers(folder)
    return f"{what}{', two at once' if how_many == 2 else ''}"


def at_a_named_call(campaign, folder, log):
    """Dies at a rename, a sync, a write..., before it or after: between the files of a checkpoint, between a rename and the
    commit that tells of it, between a process and its row.
    """
    draw = campaign.draw
    program, call = draw.choice(PROGRAMS), draw.choice(tuple(CALLS))
    number, kind = draw.randint(1, CALLS[call]), draw.choice(("kill-before", "kill-after"))
    once = campaign.work / f"once-{folder.name}"
    start(campaign, folder, log, env=campaign.shim(program, call, number, kind) | {"FAULT_ONCE": str(once)}).wait(timeout=600)
    end_trainers(folder)
    return f"{program}: {kind} {call} {number}"


def no_room_for_a_program(campaign, folder, log):
    """From some call on there is no room left, for one of the two programs."""
    draw = campaign.draw
    program, call = draw.choice(PROGRAMS), draw.choice(("write", "write", "fsync", "mkdir", "rename"))
    number = draw.randint(1, CALLS[call])
    process = start(campaign, folder, log, env=campaign.shim(program, call, number, "full"))
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=4 * campaign.seconds)
    process.kill()  # it may be waiting before a trainer's next try
    process.wait()
    end_trainers(folder)
    return f"{program}: no room from {call} {number} on"


def small_files_only(campaign, folder, log):
    limit = campaign.draw.randint(100_000, 1_500_000)

    def small_disk():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    start(campaign, folder, log, preexec_fn=small_disk).wait(timeout=600)
    end_trainers(folder)
    return f"files of at most {limit} bytes"


def full_disk(campaign, folder, log):
    """A file system in memory that is too small; what fitted on it is then moved to where there is room."""
    size, place = campaign.draw.randint(700, 4000), campaign.work / "small-disk"
    place.mkdir(exist_ok=True)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "none", place],
                                           capture_output=True).returncode:
        return small_files_only(campaign, folder, log)
    try:
        code = start(campaign, place / "sweep", log).wait(timeout=600)
        end_trainers(place / "sweep")
        if (place / "sweep").exists():
            shutil.copytree(place / "sweep", folder, symlinks=True)
    finally:
        # What loads trainers ends a moment after its orchestrator, and holds the disk until then.
        end = time.monotonic() + 60
        while subprocess.run(["umount", place], capture_output=True).returncode:
            if time.monotonic() > end:
                campaign.fail("a process holds the disk of a sweep that has ended", log)
            time.sleep(0.1)
    return f"a disk of {size} KiB (code {code})"


def jumping_clock(campaign, folder, log):
    jump = campaign.draw.choice((-1, 1)) * campaign.draw.choice((5, 3600, 86400 * 400))
    process = start(campaign, folder, log, env=campaign.clock(jump))
    time.sleep(campaign.draw.uniform(0.05, 1.5 * campaign.seconds))
    process.kill()
    process.wait()
    return f"a clock that jumps by {jump} s, killed"


def read_only(campaign, folder, log):
    """Somebody else may look and not write: said, and nothing is changed."""
    shutil.copytree(campaign.undisturbed, folder)
    (folder / "report.html").unlink()
    somebody = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    code = start(campaign, folder, log, cwd="/", **somebody).wait(timeout=600)
    if code == 0 or before != {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}:
        campaign.fail(f"a read-only folder: code {code}, or it was changed", log)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)
    return "a folder that may only be read"


def two_users(campaign, folder, log):
    """One user's sweep while another one tries to run it, too."""
    if os.geteuid() != 0:
        return signalled(campaign, folder, log)
    process = start(campaign, folder, log)
    time.sleep(campaign.draw.uniform(0.2, campaign.seconds))
    code = start(campaign, folder, log, cwd="/", user=NOBODY, group=NOBODY, extra_groups=[]).wait(timeout=600)
    if code == 0:
        campaign.fail("another user ran a sweep that is not theirs", log)
    process.kill()
    process.wait()
    return "another user besides, killed"


def after_submission(campaign, folder, log):
    """Killed when a queue has taken a job and before its number is stored; the queue's jobs go on."""
    queue = campaign.work / f"queue-{folder.name}"
    (queue / "jobs").mkdir(parents=True)
    for name, text in (("submit", SUBMIT), ("list", LIST), ("stop", STOP)):
        (queue / name).write_text(text)
        (queue / name).chmod(0o755)
    spec = campaign.spec.with_name(f"{folder.name}.toml")
    text = campaign.spec.read_text()
    spec.write_text(text[:text.index("[launch]")] + QUEUE.format(queue=queue))
    start(campaign, folder, log, spec).wait(timeout=600)
    process = start(campaign, folder, log, spec)
    time.sleep(campaign.draw.uniform(0.5, 4))
    process.kill()
    process.wait()
    end_trainers(folder)
    # The queue is asked for the last time; the sweep then goes on here.
    stopped = subprocess.run([campaign.crosslaw, "stop", folder], stdout=log, stderr=log, timeout=600).returncode
    spec.unlink()
    shutil.rmtree(queue, ignore_errors=True)
    return f"killed after a submission (stop: {stopped})"


DISTURBANCES = (finished, finished, signalled, signalled, signalled, at_a_named_call, at_a_named_call, at_a_named_call,
                no_room_for_a_program, no_room_for_a_program, small_files_only, full_disk, jumping_clock, read_only, two_users)


def build_shim(work):
    shim = pathlib.Path(work) / "fault_shim.so"
    source = pathlib.Path(__file__).resolve().parents[2] / "tests/support/fault_shim.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"], check=True)
    return shim
