"""Pinned processes, what they cost, and who disturbed them. Linux only; python3 stdlib only."""
import glob
import json
import os
import signal
import socket
import subprocess
import time

TICK = os.sysconf('SC_CLK_TCK')
FOREIGN_LIMIT = 0.12  # of one core; a run above it is disturbed


class BenchError(Exception):
    """Something the operator can put right; the message says what."""


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    total = 0
    for path in glob.glob(f'/proc/{pid}/task/*/schedstat'):
        try:
            with open(path) as f:
                total += int(f.read().split()[0])
        except OSError:
            pass  # the thread is gone
    return total / 1e9


def resident_kib(pid):
    with open(f'/proc/{pid}/status') as f:
        return next(int(line.split()[1]) for line in f if line.startswith('VmRSS:'))


def machine_busy_seconds():
    with open('/proc/stat') as f:
        user, nice, system, _, _, irq, softirq, steal = (int(x) for x in f.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICK


class Priority:
    realtime = False  # set once, before the first process starts


def pin(core):
    """In the child: to one core, at raised priority where that is allowed; all parties alike."""
    os.sched_setaffinity(0, {core})
    try:
        if Priority.realtime:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        else:
            os.setpriority(os.PRIO_PROCESS, 0, -10)
    except PermissionError:
        pass


class Process:
    """A pinned child whose output goes to the file `log`."""
    running = []

    def __init__(self, command, core, log):
        self.name = os.path.basename(command[0])
        self.log = log
        with open(log, 'w') as out:
            self.child = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                          preexec_fn=lambda: pin(core))
        self.pid = self.child.pid
        Process.running.append(self)

    def wait_until(self, ready, what, seconds=15):
        deadline = time.monotonic() + seconds
        while not ready():
            if self.child.poll() is not None or time.monotonic() > deadline:
                with open(self.log) as f:
                    tail = f.read()[-2000:].strip()
                self.stop()
                raise BenchError(f'{self.name} did not get ready ({what}):\n{tail}')
            time.sleep(0.01)

    def wait_for_port(self, port):
        self.wait_until(lambda: accepts(port), f'port {port}')

    def stop(self):
        if self in Process.running:
            Process.running.remove(self)
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(12)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class Preferred:
    """Raises this session's share of the CPU while it lasts, where that is allowed.

    With autogroups the scheduler weighs sessions first, so nice alone does not help against a build
    in another session.
    """
    PATH = '/proc/self/autogroup'

    def __enter__(self):
        self.before = None
        try:
            with open(self.PATH) as f:
                self.before = f.read().split()[-1]
            self.set('-20')
        except (OSError, IndexError):
            self.before = None

    def __exit__(self, *_):
        if self.before is not None:
            self.set(self.before)

    def set(self, value):
        with open(self.PATH, 'w') as f:
            f.write(value)


def accepts(port):
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(('127.0.0.1', port)) == 0


class Meter:
    """Measures how much CPU others used between start and stop, as a share of one core."""

    def __init__(self):
        self.begin = self.sample()

    @staticmethod
    def sample():
        own = sum(cpu_seconds(process.pid) for process in Process.running)
        times = os.times()
        return machine_busy_seconds(), own + sum(times[:4]), time.monotonic()

    def foreign(self):
        busy, own, now = (b - a for a, b in zip(self.begin, self.sample()))
        return max(0.0, (busy - own) / now)


def run_load(tool, core, arguments):
    """One run of the load generator; its JSON line as a dict."""
    done = subprocess.run([tool] + [str(a) for a in arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, preexec_fn=lambda: pin(core))
    if done.returncode != 0:
        raise BenchError(f'load generator: {done.stderr.strip()}')
    return json.loads(done.stdout)


class Calm:
    """Repeats a run that others disturbed, twice at most; the calmest try counts, marked with what
    disturbed it. On a machine that is never calm the repeats end after `budget` of them."""

    def __init__(self, budget):
        self.budget = budget

    def run(self, measure):
        best = None
        for _ in range(3):
            meter = Meter()
            result = measure()
            result['foreign'] = round(meter.foreign(), 3)
            if best is None or result['foreign'] < best['foreign']:
                best = result
            if best['foreign'] <= FOREIGN_LIMIT or self.budget == 0:
                break
            self.budget -= 1
        return best


def fdatasync_p50_us(folder, count=300):
    """What one durable append of a small batch costs on the disk under `folder`."""
    path = os.path.join(folder, 'fdatasync-probe')
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(fd, 0, 4096 * count)
        os.fsync(fd)
        times = []
        for i in range(count):
            os.pwrite(fd, os.urandom(512), 4096 * i)
            begin = time.monotonic_ns()
            os.fdatasync(fd)
            times.append(time.monotonic_ns() - begin)
    finally:
        os.close(fd)
        os.unlink(path)
    return sorted(times)[count // 2] / 1000
