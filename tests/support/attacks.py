"""Attacks on every tool. Those on the shell print REACHED, or the canary, where they get through."""

# ruff: noqa: E501  # programs as they are written

from __future__ import annotations

import os

from smol_chat.messages import JsonObject
from smol_chat.tools.sandbox.syscalls import NUMBERS

SECRET = "canary-7f3a"
"""What lies outside the workspace; no answer may have it."""

SHARED_KEY = 0x5CA1AB1E
"""Key of the canaries in memory shared between programs."""


def py(*lines: str) -> str:
    """Return a command that runs a Python program; the last line's value decides whether it got through."""
    *body, last = lines
    program = "\n".join(
        ("import ctypes, os, signal, socket, struct, sys", "c = ctypes.CDLL(None, use_errno=True)", *body)
    )
    return f"/usr/bin/python3 - <<'PROGRAM'\n{program}\nprint('REACHED' if {last} else 'refused')\nPROGRAM"


_N = NUMBERS[os.uname().machine]


def call(name: str, *arguments: str) -> str:
    """Return a command that makes one call of the kernel; it got through unless the kernel says it may not."""
    return py(
        f"r = c.syscall({_N[name]}, {', '.join(arguments) or '0'})",
        "e = ctypes.get_errno()",
        "r >= 0 or e not in (1, 13, 38)",
    )


SHELL: dict[str, str] = {
    # --- files outside
    "read a file": "cat {outside}/canary",
    "read by redirection": "read x < {outside}/canary; echo $x",
    "read through a link": "ln -s {outside}/canary l; cat l",
    "read through a linked folder": "ln -s {outside} l; cat l/canary",
    "read through a hard link": "ln {outside}/canary hard && cat hard",
    "read up the tree": "cat ../outside/canary",
    "read by the root of a process": "cat /proc/1/root{outside}/canary /proc/self/root{outside}/canary /proc/$PPID/root{outside}/canary",
    "read by the folder of a process": "cat /proc/$PPID/cwd/../outside/canary",
    "read with tar": "tar cf - {outside} | strings 2>/dev/null || tar cf - {outside}",
    "read with a program": py("print(open('{outside}/canary').read())", "True"),
    "read by sourcing": ". {outside}/canary 2>&1",
    "read by a descriptor": "cat /proc/*/fd/* 2>/dev/null | head -c 1000000",
    "read the shadow file": "cat /etc/shadow && echo REACHED",
    "read root's home": "ls /root && echo REACHED",
    "list a folder": "ls {outside} && echo REACHED",
    "list the homes": "ls /home && echo REACHED",
    "list with find": "find {outside} -name 'can*' | grep canary && echo REACHED",
    "list with a glob": "for f in {outside}/*; do test \"$f\" = '{outside}/*' || echo REACHED; done",
    "write a file": "echo x > {outside}/canary && echo REACHED",
    "append to a file": "echo x >> {outside}/canary && echo REACHED",
    "make a file": ": > {outside}/new && echo REACHED",
    "make a folder": "mkdir {outside}/new && echo REACHED",
    "remove a file": "rm {outside}/canary && echo REACHED",
    "move a file in": "mv {outside}/canary . && echo REACHED",
    "move a file out": "echo x > y; mv y {outside}/new && echo REACHED",
    "link a file out": "echo x > y; ln y {outside}/new && echo REACHED",
    "cut a file": "truncate -s 0 {outside}/canary && echo REACHED",
    "cut a file by a call": py("r = c.truncate(b'{outside}/canary', 0)", "r == 0"),
    "write through a link": "ln -s {outside}/canary l; echo x > l && echo REACHED",
    "write to /tmp": "echo x > /tmp/smol-chat-attack; exit 0",
    "write the system": "for f in /usr /etc /bin; do : > $f/attack && test -e $f/attack && test $f = /usr && echo REACHED; done",
    "write a program": "cp /bin/true /usr/bin/attack && echo REACHED",
    "change a mode": "chmod 777 {outside}/canary",
    "change an owner": "chown 65534 {outside}/canary",
    "change a time": "touch -d 2001-01-01 {outside}/canary",
    "change an attribute": py("r = os.setxattr('{outside}/canary', 'user.attack', b'x')", "False"),
    "change a flag": "chattr +d {outside}/canary",
    "make a device": "mknod disk b 8 0 && echo REACHED",
    "make a character device": "mknod mem c 1 1 && echo REACHED",
    "mount over a file": "mount --bind {outside} . && echo REACHED",
    "mount a file system": "mkdir m; mount -t tmpfs none m && echo REACHED",
    "change the root": py("os.mkdir('r')", "os.chroot('r')", "True"),
    "open by handle": call("open_by_handle_at", "-100", "ctypes.create_string_buffer(64)", "0"),
    "watch a folder": py("f = c.inotify_init()", "r = c.inotify_add_watch(f, b'{outside}', 0xfff)", "r >= 0"),
    # --- what the program knows
    "its environment": "cat /proc/*/environ | tr '\\0' '\\n' | grep SMOL",
    "the environment of the parent": "cat /proc/$PPID/environ | tr '\\0' '\\n'",
    "the environment of the first process": "cat /proc/1/environ | tr '\\0' '\\n'",
    "its variables": "env | grep SMOL; set | grep SMOL",
    "the environment of the canary": "cat /proc/{pid}/environ | tr '\\0' '\\n'",
    "the memory of the canary": "head -c 1 /proc/{pid}/mem; cat /proc/{pid}/maps && echo REACHED",
    "read its memory": py(
        "class V(ctypes.Structure): _fields_ = [('b', ctypes.c_void_p), ('l', ctypes.c_size_t)]",
        "b = ctypes.create_string_buffer(8); l = V(ctypes.addressof(b), 8); r = V(0x400000, 8)",
        "n = c.process_vm_readv({pid}, ctypes.byref(l), 1, ctypes.byref(r), 1, 0)",
        "n >= 0 or ctypes.get_errno() == 14",
    ),
    # --- other processes
    "kill it": "kill -9 {pid}",
    "kill all": "kill -9 -1; exit 0",
    "stop it": "kill -STOP {pid} && echo REACHED",
    "signal it by a thread": py(f"r = c.syscall({_N['tgkill']}, {{pid}}, {{pid}}, 9)", "r == 0"),
    "signal it by a handle": py(
        f"f = c.syscall({_N['pidfd_open']}, {{pid}}, 0)",
        f"r = c.syscall({_N['pidfd_send_signal']}, f, 9, None, 0)",
        "r == 0",
    ),
    "trace it": py("r = c.ptrace(16, {pid}, None, None)", "r == 0"),
    "be traced": py("r = c.ptrace(0, 0, None, None)", "r == 0"),
    "change its limits": "prlimit --pid {pid} --nofile=3:3 && echo REACHED",
    "raise its own limits": "ulimit -Hn 100000 && echo REACHED",
    "renice it": "renice -n 19 -p {pid} && echo REACHED",
    "pin it": "taskset -p 1 {pid} && echo REACHED",
    # --- the network
    "TCP": py("s = socket.socket(); s.settimeout(2)", "s.connect(('127.0.0.1', {port})) is None"),
    "TCP by the shell": "bash -c 'echo x > /dev/tcp/127.0.0.1/{port}' && echo REACHED",
    "TCP 6": py("s = socket.socket(socket.AF_INET6)", "s is not None"),
    "UDP": py("s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "s.sendto(b'x', ('127.0.0.1', {port})) == 1"),
    "raw": py("s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)", "s is not None"),
    "packets": py("s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)", "s is not None"),
    "netlink": py("s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)", "s is not None"),
    "a named unix socket": py("s = socket.socket(socket.AF_UNIX)", "s.connect('{outside}/socket') is None"),
    "a unix socket in the workspace": py("s = socket.socket(socket.AF_UNIX)", "s.connect('socket') is None"),
    "an abstract unix socket": py("s = socket.socket(socket.AF_UNIX)", r"s.connect('\0{abstract}') is None"),
    "a datagram of a pair": py(
        "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)", "a.sendto(b'x', '{outside}/datagrams') == 1"
    ),
    "vsock": py("s = socket.socket(40, socket.SOCK_STREAM)", "s is not None"),
    "the kernel's ciphers": py("s = socket.socket(38, socket.SOCK_SEQPACKET)", "s is not None"),
    "bluetooth": py("s = socket.socket(31, socket.SOCK_RAW, 1)", "s is not None"),
    "listen": py("s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()", "True"),
    "curl": "curl -s --max-time 3 http://127.0.0.1:{port}/ && echo REACHED",
    # --- the kernel
    "a user namespace": "unshare -U true && echo REACHED",
    "a user namespace by a call": py("r = c.unshare(0x10000000)", "r == 0"),
    "a namespace by clone": py(f"r = c.syscall({_N['clone']}, 0x10000000 | 17, 0, 0, 0, 0)", "r >= 0"),
    "clone3": py(f"r = c.syscall({_N['clone3']}, None, 0)", "ctypes.get_errno() != 38"),
    "another's namespace": py("f = os.open('/proc/{pid}/ns/net', 0)", "c.setns(f, 0) == 0"),
    "io_uring": call("io_uring_setup", "8", "ctypes.create_string_buffer(120)"),
    "bpf": call("bpf", "0", "ctypes.create_string_buffer(64)", "64"),
    "userfaultfd": call("userfaultfd", "1"),
    "perf": call("perf_event_open", "ctypes.create_string_buffer(128)", "0", "-1", "-1", "0"),
    "the key ring": call("keyctl", "0", "-3", "1"),
    "add a key": call("add_key", "b'user'", "b'attack'", "b'x'", "1", "-3"),
    "the kernel log": "dmesg | head -1 | grep . && echo REACHED",
    "load a module": call("finit_module", "0", "b''", "0"),
    "kexec": call("kexec_load", "0", "0", "None", "0"),
    "reboot": call("reboot", "0xfee1dead", "0x28121969", "0", "0"),
    "set the clock": "date -s @1 >/dev/null 2>&1 && echo REACHED",
    "set the host name": call("sethostname", "b'x'", "1"),
    "swap": call("swapoff", "b'/nothing'"),
    "the profiler of files": call("fanotify_init", "0", "0"),
    "I/O ports": "head -c 1 /dev/port /dev/mem && echo REACHED",
    "a disk": "head -c 1 /dev/vda /dev/sda /dev/nvme0n1 && echo REACHED",
    "kernel settings": "cat /proc/sys/vm/swappiness > /proc/sys/vm/swappiness && echo REACHED",
    "a core pattern": "cat /proc/sys/kernel/core_pattern > pattern; cat pattern > /proc/sys/kernel/core_pattern && echo REACHED",
    "control groups": "mkdir /sys/fs/cgroup/attack && echo REACHED",
    "become another user": py("os.setuid(65534)", "False"),
    "a set-user-id program": "cp /bin/sh s; chmod 4755 s; test -u s && echo REACHED",
    "su": "echo | su -c 'echo REACHED' nobody",
    "sudo": "sudo -n echo REACHED",
    # --- the terminal
    "type into the terminal": py("import fcntl, termios", "fcntl.ioctl(0, termios.TIOCSTI, b'x') == 0"),
    "type into the outputs": py("import fcntl", "any(c.ioctl(f, 0x5412, b'x') == 0 for f in (0, 1, 2))"),
    "open the terminal": "echo x > /dev/tty && echo REACHED",
    "write to another's terminal": "for t in /dev/pts/[0-9] /dev/tty[0-9]; do test -c $t && echo x > $t && echo REACHED; done",
    # --- memory shared between programs
    "shared memory": py(f"r = c.shmget({SHARED_KEY}, 4096, 0)", "r >= 0"),
    "message queues": py(f"r = c.msgget({SHARED_KEY}, 0)", "r >= 0"),
    "semaphores": py(f"r = c.semget({SHARED_KEY}, 1, 0)", "r >= 0"),
}
"""Names, and commands with {{outside}}, {{pid}}, {{port}} and {{abstract}} to be filled in."""

ENDLESS: dict[str, str] = {
    "a loop": "while :; do :; done",
    "a loop deaf to signals": "trap '' TERM INT HUP QUIT; while :; do :; done",
    "a sleep": "sleep 1000",
    "a fork bomb": "f() {{ f | f & }}; f; sleep 1000",
    "a bomb of daemons": "f() {{ setsid sh -c 'sleep 1000 & sleep 1000 &' ; f; }}; f",
    "memory": "head -c 8000000000 /dev/zero | tail",
    "output": "yes",
    "output of errors": "yes >&2",
    "output without lines": "cat /dev/zero",
    "a large file": "cat /dev/zero > big",
    "a file of holes": "truncate -s 100G big; sleep 1000",
    "a FIFO": "mkfifo p; cat p",
    "standard input": "cat /dev/stdin; sleep 1000",
    "descriptors": 'i=3; while :; do eval "exec $i< /dev/null"; i=$((i+1)); done; sleep 1000',
    "daemon": "setsid sh -c 'while :; do sleep 1; done' & sleep 1000",
    "a deep tree": "f() {{ sh -c 'sleep 1000' & f; }}; f",
}
"""Commands that never end by themselves or take too much: each is stopped, and nothing of it is left."""

PYTHON_ENDLESS: dict[str, str] = {
    "loop": "while True: pass",
    "loop that swallows all": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "sleep": "import time\nwhile True: time.sleep(10)",
    "backtracking": "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')",
    "backtracking by choice": "import re\nre.match(r'(a|aa)+$', 'a' * 60 + 'b')",
    "factorial": "import math\nmath.factorial(10 ** 8)",
    "power": "10 ** 10 ** 10",
    "power by pow": "pow(10, 10 ** 9)",
    "shift": "1 << 10 ** 11",
    "digits": "import decimal\ndecimal.getcontext().prec = 10 ** 9\ndecimal.Decimal(1) / 3",
    "sum": "sum(range(10 ** 12))",
    "contains": "'x' in iter(int, 1)",
    "combinations": "import itertools\nlen(list(itertools.permutations(range(100))))",
    "memory of text": "x = 'a'\nwhile True: x += x",
    "memory of a list": "x = []\nwhile True: x.append('a' * 10 ** 6)",
    "memory at once": "bytearray(10 ** 12)",
    "memory of a format": "'%1000000000000d' % 1",
    "memory of a format string": "f'{1:>10000000000}'",
    "memory of repetition": "[0] * 10 ** 11",
    "output": "while True: print('x' * 10_000)",
    "recursion": "def f(): f()\nf()",
    "nesting": "(" * 50_000 + ")" * 50_000,
    "unary": "-" * 50_000 + "1",
    "dictionary of classes": "i = 0\nwhile True:\n    class A: x = [0] * 1000\n    i += 1",
    "generator without end": "list(iter(lambda: 'x' * 100, None))",
    "huge fraction": "from fractions import Fraction\nx = Fraction(1, 3)\nwhile True: x = x * x + 1",
}
"""Programs that never end by themselves or take too much."""

FILES: dict[str, tuple[str, JsonObject]] = {
    **{
        f"{tool} {path}": (tool, {"path": path, **({"content": "x"} if tool == "write_file" else {})})
        for tool in ("read_file", "write_file", "list_directory")
        for path in (
            *("../outside/canary", "{outside}/canary", "a/../../outside/canary", "link-file", "link-folder/canary"),
            *("link-folder", "fifo", "chain", "/proc/self/environ", "/dev/zero", "nul\0/canary", "~/canary", "loop"),
            *("link-proc/environ", "link-device", "socket"),
        )
    },
}
"""Paths that lead out of the workspace or to what is no file."""

CALCULATIONS = (
    *("10**10**10", "9**9**9**9", "factorial(10**9)", "1 << 10**10", "comb(10**9, 5*10**8)", "perm(10**9, 10**8)"),
    *("(" * 5000 + "1" + ")" * 5000, "-" * 50_000 + "1", "1" * 50_000 + "**99", "__import__('os').getpid()"),
    *("().__class__.__base__.__subclasses__()", "open('/etc/passwd')", "'a' * 10**10", "[0] * 10**10", "lambda: 1"),
)
"""Expressions that would take for ever or that are no arithmetic."""

ADDRESSES = (
    *("http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://127.1:{port}/", "http://2130706433:{port}/"),
    *("http://0x7f000001:{port}/", "http://0x7f.0.0.1:{port}/", "http://017700000001:{port}/", "http://0:{port}/"),
    *("http://0.0.0.0:{port}/", "http://[::]:{port}/", "http://[::1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/"),
    *("http://[::ffff:7f00:1]:{port}/", "http://[::127.0.0.1]:{port}/", "http://[64:ff9b::7f00:1]:{port}/"),
    *(
        "http://[2002:7f00:1::]:{port}/",
        "http://169.254.169.254/latest/",
        "http://[fd00:ec2::254]/",
        "http://10.0.0.1/",
    ),
    *("http://192.168.1.1/", "http://100.64.0.1/", "http://192.0.0.192/", "http://rebinding.test:{port}/"),
    *("http://mixed.test:{port}/", "http://internal.test:{port}/", "http://user:pw@127.0.0.1:{port}/"),
    *("http://public.test@127.0.0.1:{port}/", "http://127.0.0.1.:{port}/", "http://①②⑦.⓪.⓪.①:{port}/"),
    *("http://127。0。0。1:{port}/", "file:///etc/passwd", "gopher://127.0.0.1:{port}/", "ftp://127.0.0.1/"),
    *("data:text/plain,x", "unix:///{outside}/socket", "http://public.test\t@127.0.0.1:{port}/", "http:///etc/passwd"),
    *("http://127.0.0.1:{port}\r\nX: y/", "http://[::1%25lo]:{port}/", "//127.0.0.1:{port}/"),
)
"""Addresses of this machine and of private networks, in every notation."""

STATEMENTS = (
    "ATTACH DATABASE '{outside}/new.db' AS a",
    "ATTACH DATABASE '{outside}/canary' AS a",
    "VACUUM INTO '{outside}/new.db'",
    "SELECT load_extension('{outside}/x.so')",
    "SELECT readfile('{outside}/canary')",
    "SELECT writefile('{outside}/new', 'x')",
    "SELECT edit('x', 'sh')",
    "SELECT fts3_tokenizer('simple')",
    "PRAGMA temp_store_directory = '{outside}'",
    "PRAGMA journal_mode = OFF; DROP TABLE t",
    "PRAGMA writable_schema = 1",
    "SELECT 1; ATTACH DATABASE '{outside}/new.db' AS a",
    "CREATE VIRTUAL TABLE v USING csv(filename='{outside}/canary')",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    "SELECT hex(zeroblob(1000000000))",
)
"""SQL on an SQLite file that would reach another file, or never end."""

DATA_STATEMENTS = (
    "SELECT * FROM read_csv('{outside}/canary')",
    "SELECT * FROM read_text('{outside}/canary')",
    "SELECT * FROM read_blob('{outside}/*')",
    "SELECT * FROM '{outside}/canary'",
    "FROM glob('{outside}/*')",
    "SELECT * FROM sniff_csv('{outside}/canary')",
    "COPY data TO '{outside}/new.csv'",
    "COPY data FROM '{outside}/canary'",
    "EXPORT DATABASE '{outside}/new'",
    "IMPORT DATABASE '{outside}'",
    "ATTACH '{outside}/new.db' AS a",
    "INSTALL httpfs",
    "LOAD '{outside}/x.duckdb_extension'",
    "SELECT * FROM read_csv('http://127.0.0.1:{port}/x.csv')",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET temp_directory = '{outside}'",
    "SELECT getenv('SMOL_CANARY')",
    "SELECT 1; COPY data TO '{outside}/new.csv'",
    "PRAGMA database_list; SELECT * FROM read_text('{outside}/canary')",
    "SELECT count(*) FROM range(1000000000000) a, range(1000000000) b",
    "SELECT repeat('x', 10000000000)",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    "CREATE TABLE t AS SELECT * FROM read_text('{outside}/canary')",
    "CREATE SECRET s (TYPE s3)",
)
"""The same for data files, which DuckDB reads."""
