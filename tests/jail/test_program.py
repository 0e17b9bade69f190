from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest
from jail.arena import KNOCKING, LEVELS, Program, run_program

from cloudkata.jail import Level, program_folders

every_level = pytest.mark.parametrize("level", LEVELS)
own_root = pytest.mark.skipif(Level.NAMESPACES not in LEVELS, reason="This machine refuses user namespaces.")


@every_level
def test_what_it_prints_writes_and_returns_comes_out(level: Level) -> None:
    ended = run_program(
        level,
        """
import os, sys
from pathlib import Path
print("to stdout", flush=True)
print("to stderr", file=sys.stderr)
Path("solution.py").write_text("not counted")
Path("report.json").write_text("{}")
Path("deep/er").mkdir(parents=True)
Path("deep/er/note.txt").write_bytes(b"\\x00\\xff")
answer({"stdin": sys.stdin.read(), "cwd": os.getcwd()})
sys.exit(3)
""",
    )
    assert ended.status == 3
    assert ended.host_status == 0
    assert ended.output == "to stdout\nto stderr\n"
    assert ended.files == {"report.json": b"{}", "deep/er/note.txt": b"\x00\xff"}
    assert list(ended.files) == ["deep/er/note.txt", "report.json"]
    assert ended.left_out == 0
    assert ended.answer["stdin"] == ""


@every_level
def test_it_lives_where_its_folders_are_said_to_be(level: Level) -> None:
    source = "import os, tempfile; answer([os.getcwd(), os.environ['HOME'], tempfile.gettempdir()])"
    with Program(level, source) as program:
        folders = program_folders(level, program.scratch)
        assert program.end().answer == [str(folders.work), str(folders.home), str(folders.temporary)]


@every_level
def test_its_door_answers_at_the_endpoint(level: Level) -> None:
    with Program(
        level,
        """
import socket
with socket.create_connection(door) as connection:
    connection.sendall(b"knock")
    answer(connection.recv(100).decode())
""",
    ) as program:
        assert program.door is not None
        connection, _ = program.door.accept()
        with connection:
            assert connection.recv(100) == b"knock"
            connection.sendall(b"come in")
        assert program.end().answer == "come in"
        port = program.endpoint.rpartition(":")[2]
        assert program.endpoint == f"http://127.0.0.1:{port}"
        assert (port == "4566") == (level is Level.NAMESPACES)


@every_level
def test_its_door_answers_whoever_knocks_and_however(level: Level) -> None:
    ended = run_program(level, KNOCKING)
    assert ended.answer == [True] * 10, ended.output


@every_level
def test_ordinary_things_work(level: Level) -> None:
    ended = run_program(
        level,
        """
import hashlib, os, shutil, sqlite3, ssl, subprocess, sys, tempfile, threading, uuid, zoneinfo
from pathlib import Path
import boto3
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "a").write_text("a")
    shutil.copy2(Path(folder, "a"), Path(folder, "b"))
    shutil.copytree(folder, "copied")
    shutil.move("copied/a", "moved")
    shutil.rmtree("copied")
with sqlite3.connect("data.sqlite") as database:
    database.execute("create table t (x)")
database.close()
thread = threading.Thread(target=lambda: None)
thread.start()
thread.join()
ssl.create_default_context()
zoneinfo.ZoneInfo("Asia/Tokyo")
uuid.uuid4()
client = boto3.client("s3", endpoint_url="http://127.0.0.1:1", region_name="us-east-1")
Path("run.sh").write_text("echo from a shell")
done = subprocess.run(["sh", "run.sh"], capture_output=True, text=True, check=True)
with open("/dev/null", "w") as null:
    null.write("x")
answer([done.stdout, client.meta.service_model.service_name, sys.stdin.read()])
""",
    )
    assert ended.result is not None, ended.output
    assert ended.answer == ["from a shell\n", "s3", ""]
    assert ended.status == 0


@own_root
def test_a_world_of_its_own() -> None:
    ended = run_program(
        Level.NAMESPACES,
        """
import getpass, os, pwd, socket
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
with ProcessPoolExecutor(2) as pool:
    total = sum(pool.map(abs, range(-10, 0)))
server = socket.create_server(("127.0.0.1", 8080))
client = socket.create_connection(("localhost", 8080))
processes = sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
answer([
    total, socket.gethostname(), os.getuid(), os.getgid(), pwd.getpwuid(os.getuid()).pw_name,
    processes, os.getgroups() in ([], [65534]),
])
""",
    )
    assert ended.result is not None, ended.output
    assert ended.answer == [55, "lab", 1000, 1000, "learner", [1, 2], True]


@every_level
@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("import os; os._exit(300 & 0xff)", 44),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import os; os.abort()", -signal.SIGABRT),
        ("raise SystemExit(0)", 0),
        ("1 / 0", 1),
    ],
)
def test_its_end_is_reported(level: Level, source: str, status: int) -> None:
    ended = run_program(level, source)
    assert ended.status == status


@every_level
@pytest.mark.parametrize(
    ("written", "result"),
    [
        ("b''", None),
        ("b'\"' + b'x' * (1 << 20) + b'\"'", None),
        ("b'x' * (40 << 20)", None),
        ("b'\\xff\\xfe'", None),
        ("'\"\\u00e9\"'.encode()", '"é"'),
    ],
)
def test_result_is_bounded_text(level: Level, written: str, result: str | None) -> None:
    ended = run_program(level, f"import os\nwith os.fdopen(result, 'wb') as pipe: pipe.write({written})")
    assert ended.status == 0, ended.output
    assert ended.result == result


@every_level
def test_result_is_there_though_a_child_holds_its_pipe(level: Level) -> None:
    ended = run_program(
        level,
        """
import os, time
if os.fork() == 0:
    time.sleep(60)
os.write(result, b"[1]")
""",
    )
    assert ended.answer == [1]


@every_level
def test_only_harmless_files_come_out(level: Level, tmp_path: Path) -> None:
    ended = run_program(
        level,
        """
import os, socket
from pathlib import Path
Path("a good one.txt").write_text("good")
Path("link").symlink_to("a good one.txt")
Path("outside").symlink_to("/etc")
os.mkfifo("pipe")
Path("one").write_text("x")
Path("two").hardlink_to("one")
Path("too large").write_bytes(bytes((1 << 20) + 1))
Path("largest").write_bytes(bytes(1 << 20))
Path(os.fsdecode(b"not-utf-8-\\xff")).write_text("x")
Path("new\\nline").write_text("x")
Path("right-to-left-\\u202e").write_text("x")
os.mkdir("locked", 0)
with open("sparse", "wb") as file:
    file.truncate(50 << 20)
""",
    )
    assert set(ended.files) == {"a good one.txt", "largest"}, ended.output
    assert ended.left_out in (10, 11)  # an empty folder that cannot be entered counts where it cannot


@every_level
def test_many_files_are_cut_off(level: Level) -> None:
    ended = run_program(
        level,
        """
from pathlib import Path
for number in range(200):
    Path(f"{number:03}").write_text("x")
""",
    )
    assert (len(ended.files), ended.left_out) == (64, 136)
    assert "063" in ended.files


@every_level
def test_all_files_together_are_bounded(level: Level) -> None:
    source = "from pathlib import Path\nfor n in range(12): Path(str(n)).write_bytes(bytes(1 << 20))"
    ended = run_program(level, source)
    assert (len(ended.files), ended.left_out) == (8, 4)


@every_level
def test_folders_without_end_do_not_hold_anybody_up(level: Level) -> None:
    ended = run_program(
        level,
        """
import os
name = "d" * 200  # forty of them are longer than any path may be
for _ in range(40):
    os.mkdir(name)
    os.chdir(name)
""",
    )
    assert (ended.status, ended.files, ended.left_out) == (0, {}, 1)


@every_level
def test_readable_paths_are_there(level: Level, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.txt").write_text("listed")
    link = tmp_path / "link"
    link.symlink_to(folder)
    beside = tmp_path / "beside.txt"
    beside.write_text("not listed")
    source = f"""
from pathlib import Path
found = [Path({str(folder / "a.txt")!r}).read_text(), Path({str(link / "a.txt")!r}).read_text()]
for change in (
    lambda: Path({str(folder / "a.txt")!r}).write_text("changed"),
    lambda: Path({str(beside)!r}).read_text(),
):
    try:
        change()
        found.append("could")
    except OSError:
        found.append("could not")
answer(found)
"""
    answer = run_program(level, source, readable=[folder, link]).answer
    assert answer[:2] == ["listed", "listed"]
    if level is not Level.PROCESS:
        assert answer[2:] == ["could not", "could not"]


@every_level
def test_a_relative_or_missing_path_is_refused(level: Level) -> None:
    for path, why in ((Path("relative"), "absolute"), (Path("/does/not/exist"), "/does/not/exist")):
        with pytest.raises(AssertionError, match=why):
            run_program(level, "", readable=[path])


@every_level
def test_host_needs_its_door_first(level: Level) -> None:
    from cloudkata.jail import JailError, Limits, host_program

    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(JailError, match="door is opened first"):
        host_program(
            level,
            Limits(),
            control=ours,
            readable=(),
            begin=lambda: None,
            learner=lambda _, __: 0,
            ended=lambda *_: None,
        )
