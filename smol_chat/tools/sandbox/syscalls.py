"""Numbers of the kernel calls the filters name, for the processors the filters know."""

from __future__ import annotations

# Name, x86_64, aarch64 (from the kernel's asm/unistd_64.h and asm-generic/unistd.h); "-" where it has no such call.
_TABLE = """
accept 43 202|accept4 288 242|acct 163 89|add_key 248 217|adjtimex 159 171|bind 49 200|bpf 321 280|brk 12 214
chmod 90 -|chown 92 -|chroot 161 51|clock_adjtime 305 266|clock_getres 229 114|clock_gettime 228 113
clock_nanosleep 230 115|clock_settime 227 112|clone 56 220|clone3 435 435|close 3 57|connect 42 203
delete_module 176 106|exit 60 93|exit_group 231 94|fanotify_init 300 262|fanotify_mark 301 263|fchmod 91 52
fchmodat 268 53|fchmodat2 452 452|fchown 93 55|fchownat 260 54|file_setattr 469 469|finit_module 313 273
fremovexattr 199 16|fsconfig 431 431|fsetxattr 190 7|fsmount 432 432|fsopen 430 430|fspick 433 433|futex 202 98
futimesat 261 -|getcpu 309 168|getpid 39 172|getrandom 318 278|getrusage 98 165|gettid 186 178|gettimeofday 96 169
init_module 175 105|inotify_add_watch 254 27|io_uring_enter 426 426|io_uring_register 427 427|io_uring_setup 425 425
ioctl 16 29|ioperm 173 -|iopl 172 -|ioprio_set 251 30|kcmp 312 272|kexec_file_load 320 294|kexec_load 246 104
keyctl 250 219|kill 62 129|lchown 94 -|listen 50 201|lookup_dcookie 212 18|lremovexattr 198 15|lseek 8 62
lsetxattr 189 6|madvise 28 233|membarrier 324 283|migrate_pages 256 238|mmap 9 222|modify_ldt 154 -|mount 165 40
mount_setattr 442 442|move_mount 429 429|move_pages 279 239|mprotect 10 226|mq_open 240 180|mq_unlink 241 181
mremap 25 216|msgctl 71 187|msgget 68 186|msgrcv 70 188|msgsnd 69 189|munmap 11 215|name_to_handle_at 303 264
nanosleep 35 101|open_by_handle_at 304 265|open_tree 428 428|perf_event_open 298 241|pidfd_getfd 438 438
pidfd_open 434 434|pidfd_send_signal 424 424|pivot_root 155 41|poll 7 -|ppoll 271 73|prlimit64 302 261
process_madvise 440 440|process_mrelease 448 448|process_vm_readv 310 270|process_vm_writev 311 271|ptrace 101 117
quotactl 179 60|quotactl_fd 443 443|read 0 63|readv 19 65|reboot 169 142|removexattr 197 14|removexattrat 466 466
request_key 249 218|restart_syscall 219 128|rseq 334 293|rt_sigaction 13 134|rt_sigprocmask 14 135
rt_sigqueueinfo 129 138|rt_sigreturn 15 139|rt_tgsigqueueinfo 297 240|sched_getaffinity 204 123
sched_setaffinity 203 122|sched_setattr 314 274|sched_setparam 142 118|sched_setscheduler 144 119|sched_yield 24 124
semctl 66 191|semget 64 190|semop 65 193|semtimedop 220 192|setdomainname 171 162|sethostname 170 161|setns 308 268
setpriority 141 140|settimeofday 164 170|setxattr 188 5|setxattrat 463 463|shmat 30 196|shmctl 31 195|shmget 29 194
sigaltstack 131 132|socket 41 198|socketpair 53 199|swapoff 168 225|swapon 167 224|sysinfo 99 179|syslog 103 116
tgkill 234 131|time 201 -|times 100 153|tkill 200 130|truncate 76 45|umount2 166 39|uname 63 160|unshare 272 97
userfaultfd 323 282|utime 132 -|utimensat 280 88|utimes 235 -|write 1 64|writev 20 66
"""


def _column(number: int) -> dict[str, int]:
    entries = (entry.split() for line in _TABLE.split("\n") for entry in line.split("|") if entry)
    return {entry[0]: int(entry[number]) for entry in entries if entry[number] != "-"}


NUMBERS = {"x86_64": _column(1), "aarch64": _column(2)}
"""Call numbers by the machine's name as `os.uname()` gives it."""

AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""What the kernel calls the machine in a filter's data (linux/audit.h)."""
