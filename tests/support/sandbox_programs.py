"""Programs that ordinary people and models write, with what they print; each runs the same in plain Python."""

# ruff: noqa: E501  # programs as they are written

PROGRAMS: dict[str, str] = {
    "names with underscores": """
_total = 0
def _add(n, _step=1):
    global _total
    _total += n * _step
for _ in range(3):
    _add(2)
class_ = "c"
print(_total, class_)
""",
    "the main guard": """
def main():
    print("in main")
if __name__ == "__main__":
    main()
""",
    "closures": """
def counter():
    n = 0
    def step(by=1):
        nonlocal n
        n += by
        return n
    return step
c = counter(); c(); c(5)
print(c())
""",
    "generators": """
def running():
    total = 0
    while True:
        got = yield total
        if got is None:
            return "done"
        total += got
def outer():
    result = yield from running()
    print(result)
g = outer(); next(g)
print(g.send(3), g.send(4))
print(list(x * x for x in range(4)), sum(i for i in range(5)))
try:
    g.send(None)
except StopIteration:
    print("stopped")
""",
    "classes": """
class Account:
    interest = 0.02
    def __init__(self, owner, balance=0):
        self.owner = owner
        self.__balance = balance
        self._log = []
    @property
    def balance(self):
        return self.__balance
    @balance.setter
    def balance(self, value):
        if value < 0:
            raise ValueError("negative")
        self.__balance = value
    def deposit(self, amount):
        self.__balance += amount
        self._log.append(amount)
        return self
    @classmethod
    def empty(cls, owner):
        return cls(owner)
    @staticmethod
    def check(x):
        return x > 0
    def __repr__(self):
        return f"{self.__class__.__name__}({self.owner!r}, {self.__balance})"
    def __eq__(self, other):
        return isinstance(other, Account) and self.__balance == other.__balance
    def __hash__(self):
        return hash(self.owner)
    def __enter__(self):
        return self
    def __exit__(self, *exc):
        print("left", exc[0] is None)
    def __len__(self):
        return len(self._log)
    def __iter__(self):
        return iter(self._log)
    def __getitem__(self, i):
        return self._log[i]
    def __call__(self, x):
        return x
class Savings(Account):
    def __init__(self, owner):
        super().__init__(owner, 10)
    def deposit(self, amount):
        return super().deposit(amount * 2)
with Savings("ana") as s:
    s.deposit(5).balance += 1
print(s, len(s), list(s), s[0], s(3), Account.empty("b"), Account.check(1), s == Account("x", 21), {s: 1}[s])
try:
    s.balance = -1
except ValueError as error:
    print(type(error).__name__, error, error.args)
print(Savings.__name__, Savings.__mro__ if False else "", hasattr(s, "owner"), getattr(s, "nope", "none"), vars(s)["owner"])
setattr(s, "owner", "new"); print(s.owner)
del s.owner
print(hasattr(s, "owner"))
""",
    "abstract classes": """
from abc import ABC, ABCMeta, abstractmethod
class Shape(ABC):
    @abstractmethod
    def area(self): ...
class Square(Shape):
    def __init__(self, side): self.side = side
    def area(self): return self.side ** 2
class Other(metaclass=ABCMeta):
    pass
try:
    Shape()
except TypeError:
    print("abstract")
print(Square(3).area(), isinstance(Square(1), Shape))
""",
    "dataclasses": """
from dataclasses import dataclass, field, asdict, replace
from typing import List, Optional
@dataclass
class Item:
    name: str
    price: float = 1.5
    tags: List[str] = field(default_factory=list)
    note: Optional[str] = None
    def total(self, n: int) -> float:
        return self.price * n
@dataclass(frozen=True, order=True, slots=True)
class Point:
    x: int
    y: int = 0
@dataclass
class Special(Item):
    extra: int = 0
    def __post_init__(self):
        self.extra += 1
i = Item("a"); i.tags.append("t"); i.price *= 2
print(i, asdict(i), i.total(2), replace(i, name="b").name)
print(Point(1) < Point(2), Point(1, 2), Special("s").extra)
try:
    Point(1).x = 3
except AttributeError as error:
    print(type(error).__name__)
""",
    "named tuples": """
from collections import namedtuple
from typing import NamedTuple
P = namedtuple("P", "x y")
class Q(NamedTuple):
    a: int
    b: str = "b"
    def both(self):
        return f"{self.a}{self.b}"
p = P(1, 2); print(p, p._replace(x=5), p._asdict(), P._fields, Q(1), Q(1).both(), Q._make([3, "c"]))
x, y = p
print(x + y)
""",
    "enumerations": """
from enum import Enum, IntEnum, Flag, auto
class Color(Enum):
    RED = 1
    GREEN = auto()
    def nice(self): return self.name.lower()
class Level(IntEnum):
    LOW = 1
    HIGH = 2
class Right(Flag):
    READ = auto()
    WRITE = auto()
Made = Enum("Made", "A B")
Named = Enum("Named", {"X": 10})
print(Color.RED, Color(2), Color["GREEN"].value, [c.nice() for c in Color], Level.LOW < Level.HIGH, Level.HIGH + 1)
print(Right.READ | Right.WRITE in (Right.READ | Right.WRITE,), Made.B.value, Named.X.value, len(Color))
""",
    "match": """
from dataclasses import dataclass
import datetime
@dataclass
class Point:
    x: int
    y: int
LIMIT = 3
class Names:
    TOP = 7
def look(thing):
    match thing:
        case Names.TOP: return "top"
        case {"op": op, "args": [first, *rest], **more}: return op, first, rest, more
        case [Point(x=0, y=y) as p, *_]: return y, p
        case Point(x, y) if x == y: return "diagonal"
        case Point(): return "point"
        case datetime.date(year=year): return year
        case "a" | "b" as letter: return letter
        case int(n) | float(n): return n
        case (1, 2): return "pair"
        case None: return "nothing"
        case _: return "else"
for thing in (7, {"op": 1, "args": [2, 3], "z": 4}, [Point(0, 2)], Point(1, 1), Point(1, 2), datetime.date(2024, 1, 1), "b", 5, 2.5, (1, 2), None, "zzz"):
    print(look(thing))
""",
    "augmented assignment": """
d = {"a": [1]}; d["a"][0] += 5; d["b"] = d.get("b", 0); d["b"] -= 1; d["a"] += [7]
class O: pass
o = O(); o.n = 1; o.n <<= 3; o.l = [[0]]; o.l[0][0] |= 6
m = [[1, 2], [3, 4]]; m[1][0] **= 2; m[0][:] = [9, 9]; del m[0][1]
calls = []
def index(): calls.append(1); return 0
m[index()][index()] += 1
s = "a"; s += "b"; n = 7; n //= 2
print(d, o.n, o.l, m, len(calls), s, n)
""",
    "unpacking": """
a, (b, *c), [d, e] = 1, (2, 3, 4), "xy"
first, *_, last = range(5)
pairs = {"k": 1, "l": 2}
for i, (k, v) in enumerate(pairs.items()):
    print(i, k, v)
print(a, b, c, d, e, first, last, [*c, *"ab"], {**pairs, "m": 3}, (*c,), dict(x=1, **pairs))
def f(a, /, b, *args, c=3, **kw): return a, b, args, c, kw
print(f(1, 2, 3, c=4, z=5), f(*[1, 2], **{"q": 3}))
print([(x, y) for x, y in zip("ab", [1, 2])], {k: v for k, v in pairs.items() if v > 1}, {len(w) for w in ("a", "bb")})
x = y = 3
if (n := len("four")) > 3: print(n, x, y)
""",
    "formatting": """
import math
class T:
    name = "t"
    def __format__(self, spec): return f"<{spec}>"
    def __str__(self): return "T!"
t = T()
print("{} {0!r:>6} {x.name} {y[k]} {z:,}".replace("{} {0!r:>6} ", "{0!r:>6} ").format("a", x=t, y={"k": 1}, z=12345))
print("{:>10}|{:<5}|{:^7}|{:+.2f}|{:08b}".format("r", "l", "c", math.pi, 37), "{:{w}}".format("q", w=4))
print("{a}-{b}".format_map({"a": 1, "b": 2}), "%s %05.1f %(x)s".replace(" %(x)s", "") % ("s", 2.345), "%(x)d" % {"x": 3})
print(f"{t:spec} {t!s} {math.pi=:.2f} {'nested ' + f'{1+1}'} {{}}", "{0[1]}".format([1, 2]), str.format("{}", 5), " ".join(map("{:02d}".format, [1, 2])))
""",
    "exceptions": """
class AppError(Exception):
    def __init__(self, message, code):
        super().__init__(message)
        self.code = code
def risky(n):
    try:
        if n == 0: raise AppError("zero", 42)
        return 10 / (n - 1)
    except ZeroDivisionError as error:
        raise ValueError("wrapped") from error
    finally:
        print("finally", n)
for n in range(3):
    try:
        print(risky(n))
    except AppError as e:
        print(type(e).__name__, e, e.code, e.args)
    except (ValueError, TypeError) as e:
        print(repr(e))
    else:
        print("else")
try:
    [][1]
except IndexError as e: print(e)
try:
    {}["k"]
except KeyError as e: print(e)
try:
    int("x")
except ValueError as e: print(e)
try:
    None.x
except AttributeError as e: print(e)
assert True, "fine"
""",
    "decorators": """
import functools, time
def timed(repeat=1):
    def outer(f):
        @functools.wraps(f)
        def inner(*args, **kwargs):
            inner.calls += 1
            for _ in range(repeat): result = f(*args, **kwargs)
            return result
        inner.calls = 0
        return inner
    return outer
@timed(repeat=2)
def add(a, b):
    "Adds."
    return a + b
print(add(1, 2), add.calls, add.__name__, add.__doc__)
@functools.lru_cache(maxsize=None)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
print(fib(90), functools.reduce(lambda a, b: a * b, range(1, 6)), functools.partial(add, 1)(5))
@functools.total_ordering
class V:
    def __init__(self, n): self.n = n
    def __eq__(self, o): return self.n == o.n
    def __lt__(self, o): return self.n < o.n
print(V(1) >= V(0), sorted([3, 1, 2], key=functools.cmp_to_key(lambda a, b: b - a)))
class C:
    @functools.cached_property
    def slow(self): return 42
print(C().slow)
""",
    "context managers": """
from contextlib import contextmanager, suppress, ExitStack, nullcontext
@contextmanager
def tag(name):
    print(f"<{name}>")
    try:
        yield name.upper()
    finally:
        print(f"</{name}>")
with tag("b") as up, suppress(ZeroDivisionError):
    print(up); 1 / 0
with ExitStack() as stack:
    stack.enter_context(tag("i"))
with nullcontext(5) as five: print(five)
""",
    "collections": """
from collections import Counter, defaultdict, deque, OrderedDict, ChainMap
import heapq, bisect, itertools, operator
c = Counter("mississippi"); d = defaultdict(list); d["a"].append(1); q = deque([1, 2], maxlen=2); q.append(3); q[0] = 9
o = OrderedDict(a=1); o["b"] = 2; o.move_to_end("a")
print(c.most_common(2), dict(d), list(q), list(o), ChainMap({"a": 1}, {"b": 2})["b"])
h = [5, 1, 4]; heapq.heapify(h); heapq.heappush(h, 0)
print(heapq.heappop(h), heapq.nlargest(2, h), bisect.bisect([1, 3, 5], 3), list(itertools.chain([1], [2])))
print(list(itertools.groupby("aab"))[0][0], list(itertools.combinations("abc", 2)), list(map(operator.itemgetter(1), [(1, 2)])))
print(sorted({"b": 1, "a": 2}.items(), key=lambda kv: kv[1]), max([1, 5], default=0), list(reversed([1, 2])), any([0, 1]), all([]))
""",
    "dates": """
import datetime, calendar
from datetime import date, timedelta, timezone
from zoneinfo import ZoneInfo
d = datetime.datetime(2024, 2, 28, 12, 30, tzinfo=timezone.utc)
print(d + timedelta(days=2), d.strftime("%A %d %B %Y"), date(2024, 3, 1) - date(2024, 2, 1), d.isoformat())
print(datetime.datetime.strptime("01/02/2023 04:05", "%d/%m/%Y %H:%M"), calendar.monthrange(2024, 2), calendar.isleap(2023))
print(d.astimezone(ZoneInfo("America/New_York")), d.astimezone(ZoneInfo("Asia/Tokyo")).hour, date.fromisoformat("2024-05-06").weekday())
""",
    "text": """
import re, json, textwrap, string, unicodedata
print(re.findall(r"\\b(\\w)(\\w*)", "two words"), re.sub(r"(?P<y>\\d{4})", lambda m: str(int(m["y"]) + 1), "in 1999"), re.split(r"[,;]", "a,b;c"))
m = re.search(r"(?P<name>\\w+)@", "mail ana@x"); print(m.group("name"), m.groupdict(), m.span())
print(json.loads('{"a": [1, 2.5, null, true]}'), json.dumps({"b": (1, 2), "é": None}, indent=1, ensure_ascii=False, sort_keys=True))
try:
    json.loads("{")
except json.JSONDecodeError as e: print("bad json", e.pos)
print(textwrap.fill("some words to wrap", 10), textwrap.dedent("  x"), string.ascii_lowercase[:3], unicodedata.normalize("NFD", "é") == "e\\u0301")
print("Hello".swapcase(), "a-b".partition("-"), "x".join("abc"), "ß".casefold(), "abc"[::-1], "tEST".title(), "7".zfill(3), "é".encode("latin-1"), b"\\xc3\\xa9".decode())
print("hi".translate(str.maketrans("h", "H")), ord("a"), chr(98), "\\N{SNOWMAN}", hex(255), bin(5), oct(8))
""",
    "numbers": """
import math, cmath, statistics, random
from decimal import Decimal, getcontext, ROUND_HALF_UP, localcontext
from fractions import Fraction
getcontext().prec = 6
with localcontext() as c:
    c.prec = 3
    print(Decimal(1) / 3)
print(Decimal("2.675").quantize(Decimal("0.01"), rounding=ROUND_HALF_UP), Decimal(1) / 7, Fraction(3, 6) + 1, 2 ** 100)
print(math.sqrt(2), math.comb(5, 2), math.gcd(12, 18), math.isclose(0.1 + 0.2, 0.3), cmath.sqrt(-1), divmod(7, 3), round(2.5), pow(3, 4, 5))
print(statistics.mean([1, 2, 4]), statistics.median([1, 3, 2]), statistics.stdev([1, 2, 3]), statistics.mode("aab"))
random.seed(1); r = random.Random(5)
print(random.randint(1, 10) in range(1, 11), len(random.sample(range(10), 3)), r.random() == random.Random(5).random())
x = [3, 1]; random.shuffle(x); print(sorted(x), int("ff", 16), float("1e3"), complex(1, 2).real, 7 // 2, -7 % 3, 0.1 + 0.2, (5).bit_length())
""",
    "tables": """
import csv, io
out = io.StringIO()
w = csv.DictWriter(out, fieldnames=["a", "b"]); w.writeheader(); w.writerow({"a": 1, "b": "x,y"})
print(repr(out.getvalue()))
for row in csv.DictReader(io.StringIO("n,v\\nx,1\\ny,2\\n")): print(row["n"], int(row["v"]) * 2)
print("to a buffer", 1, sep="-", end="!", file=out); print(out.getvalue().endswith("to a buffer-1!"))
print(list(csv.reader(["a,b"])))
""",
    "typing": """
from __future__ import annotations
from typing import Any, Callable, Dict, Generic, Iterable, List, Literal, Optional, Protocol, Tuple, TypeVar, Union
T = TypeVar("T")
class Stack(Generic[T]):
    def __init__(self) -> None:
        self._items: List[T] = []
    def push(self, item: T) -> None: self._items.append(item)
    def pop(self) -> T: return self._items.pop()
class Speaks(Protocol):
    def speak(self) -> str: ...
count: int = 3
name: Optional[str]
def go(f: Callable[[int], int], *xs: int, **named: Dict[str, Any]) -> List[Tuple[int, Union[int, str]]]:
    total: int = 0
    return [(x, f(x)) for x in xs]
s: Stack[int] = Stack(); s.push(4)
print(s.pop(), go(lambda x: x + 1, 1, 2), count)
""",
    "inheritance": """
class Base:
    registry = {}
    def _hook(self): return "base"
    def run(self): return self._hook()
class Mixin:
    def _hook(self): return "mixin+" + super()._hook()
class Child(Mixin, Base):
    def _hook(self): return "child+" + super()._hook()
print(Child().run(), [c.__name__ for c in type(Child()).__bases__] if False else "", issubclass(Child, Base), isinstance(3, (int, str)))
class Only:
    _one = None
    def __new__(cls, *a):
        if cls._one is None: cls._one = super().__new__(cls)
        return cls._one
print(Only() is Only())
class MyList(list):
    def second(self): return self[1]
class MyDict(dict):
    def __getitem__(self, k): return super().__getitem__(k) * 2
class MyStr(str):
    def shout(self): return self.upper() + "!"
print(MyList([1, 2]).second(), MyDict(a=2)["a"], MyStr("hi").shout(), "{:>4}".format(MyStr("x")), MyStr("{}").format(1))
class Slots:
    __slots__ = ("a",)
s = Slots(); s.a = 1; print(s.a)
class Vec:
    def __init__(self, x): self.x = x
    def __add__(self, o): return Vec(self.x + o.x)
    def __mul__(self, n): return Vec(self.x * n)
    __rmul__ = __mul__
    def __iadd__(self, o): self.x += o.x; return self
    def __neg__(self): return Vec(-self.x)
    def __bool__(self): return self.x != 0
    def __contains__(self, n): return n == self.x
    def __lt__(self, o): return self.x < o.x
v = Vec(1); v += Vec(2); print((2 * v + -Vec(1)).x, bool(Vec(0)), 3 in v, max(Vec(1), Vec(9)).x)
print(type(v) is Vec, type(3) == int, type("a").__name__, isinstance(int, type), v.__dict__, v.__class__.__name__)
""",
    "algorithms": """
def sieve(n):
    flags = [True] * (n + 1)
    flags[:2] = [False, False]
    for i in range(2, int(n ** 0.5) + 1):
        if flags[i]:
            flags[i * i :: i] = [False] * len(flags[i * i :: i])
    return [i for i, f in enumerate(flags) if f]
def quick(xs): return xs if len(xs) < 2 else quick([x for x in xs[1:] if x < xs[0]]) + [xs[0]] + quick([x for x in xs[1:] if x >= xs[0]])
def hanoi(n, a, b, c): return 0 if n == 0 else hanoi(n - 1, a, c, b) + 1 + hanoi(n - 1, c, b, a)
grid = [[0] * 3 for _ in range(3)]
for i in range(3):
    for j in range(3): grid[i][j] = i * j
print(sieve(30), quick([3, 1, 2]), hanoi(5, *"abc"), grid, [list(r) for r in zip(*grid)])
i = 0
while True:
    i += 1
    if i % 2: continue
    if i > 6: break
else: print("never")
print(i, "big" if i > 3 else "small", not i, i and 0 or 5, 1 < i < 10, None is None, [] or "empty")
lookup = lambda *a, **k: (a, k); print(lookup(1, b=2)); del lookup; print(ascii("é"), iter([1]).__next__(), next(iter([]), "end"))
""",
    "compound interest": """
balance = 1000.0
for year in range(1, 6):
    balance *= 1.05
    print(f"{year:>2} {balance:>10,.2f}")
""",
    "loan payments": """
def payment(principal, rate, months):
    monthly = rate / 12
    return principal * monthly / (1 - (1 + monthly) ** -months)
for rate in (0.03, 0.045, 0.06):
    print(f"{rate:.1%}: {payment(250_000, rate, 360):.2f}")
""",
    "primes": """
def sieve(limit):
    flags = bytearray([1]) * (limit + 1)
    flags[0:2] = b"\\0\\0"
    for n in range(2, int(limit ** 0.5) + 1):
        if flags[n]:
            flags[n * n :: n] = bytes(len(range(n * n, limit + 1, n)))
    return [n for n, flag in enumerate(flags) if flag]
print(sieve(60), len(sieve(10_000)))
""",
    "word count": """
from collections import Counter
text = "the cat and the dog and the bird"
for word, count in Counter(text.split()).most_common(3):
    print(word, count)
""",
    "average of columns": """
import csv, io, statistics
rows = list(csv.DictReader(io.StringIO("name,age,pay\\nana,30,10.5\\nbo,41,20\\ncy,25,15.25\\n")))
for column in ("age", "pay"):
    values = [float(row[column]) for row in rows]
    print(column, statistics.mean(values), statistics.median(values), round(statistics.stdev(values), 4))
""",
    "group by": """
from itertools import groupby
from operator import itemgetter
sales = [("a", 3), ("b", 5), ("a", 4), ("c", 1), ("b", 2)]
for key, group in groupby(sorted(sales), key=itemgetter(0)):
    print(key, sum(amount for _, amount in group))
""",
    "json report": """
import json
data = json.loads('{"items": [{"name": "pen", "price": 1.5, "n": 4}, {"name": "ink", "price": 7, "n": 1}]}')
data["total"] = sum(item["price"] * item["n"] for item in data["items"])
print(json.dumps(data, indent=2, sort_keys=True))
""",
    "ages": """
from datetime import date, timedelta
born, today = date(1990, 5, 17), date(2024, 2, 29)
age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
print(age, (today - born).days, today + timedelta(weeks=3), today.strftime("%A %d %B %Y"), today.isocalendar()[1])
""",
    "time zones": """
from datetime import datetime, timezone
from zoneinfo import ZoneInfo
noon = datetime(2024, 7, 1, 12, tzinfo=timezone.utc)
for name in ("Europe/Oslo", "Asia/Tokyo", "America/New_York"):
    print(name, noon.astimezone(ZoneInfo(name)).isoformat())
""",
    "money": """
from decimal import Decimal, ROUND_HALF_UP
prices = [Decimal("19.99"), Decimal("5.01"), Decimal("0.10")]
net = sum(prices)
tax = (net * Decimal("0.19")).quantize(Decimal("0.01"), ROUND_HALF_UP)
print(net, tax, net + tax)
""",
    "fractions": """
from fractions import Fraction
total = Fraction(1, 3) + Fraction(1, 6) - Fraction("0.25")
print(total, float(total), total.limit_denominator(3), Fraction(22, 7) > 3)
""",
    "matrix": """
a, b = [[1, 2], [3, 4]], [[5, 6], [7, 8]]
product = [[sum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]
print(product, [list(row) for row in zip(*product)], a[0][0] * a[1][1] - a[0][1] * a[1][0])
""",
    "quadratic": """
import cmath
for a, b, c in ((1, -3, 2), (1, 2, 5), (2, 4, 2)):
    root = cmath.sqrt(b * b - 4 * a * c)
    print([complex(round(z.real, 3), round(z.imag, 3)) for z in ((-b + root) / (2 * a), (-b - root) / (2 * a))])
""",
    "regular expressions": """
import re
log = "2024-01-02 ERROR disk 91%\\n2024-01-03 INFO ok\\n2024-01-04 ERROR disk 95%"
for found in re.finditer(r"^(\\S+) ERROR (\\w+) (?P<share>\\d+)%$", log, re.M):
    print(found[1], found.group("share"), found.span())
print(re.sub(r"(\\d+)%", lambda m: f"{int(m[1]) / 100}", log).splitlines()[0])
""",
    "binary search": """
import bisect
grades = [60, 70, 80, 90]
print([("F", "D", "C", "B", "A")[bisect.bisect(grades, score)] for score in (33, 60, 77, 90, 100)])
""",
    "shortest path": """
import heapq
graph = {"a": {"b": 4, "c": 1}, "b": {"d": 1}, "c": {"b": 2, "d": 5}, "d": {}}
best, queue = {"a": 0}, [(0, "a")]
while queue:
    cost, node = heapq.heappop(queue)
    for other, step in graph[node].items():
        if cost + step < best.get(other, float("inf")):
            best[other] = cost + step
            heapq.heappush(queue, (best[other], other))
print(best)
""",
    "fibonacci with a cache": """
from functools import lru_cache
@lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
print(fib(90), fib.cache_info().misses)
""",
    "knapsack": """
items = [(60, 10), (100, 20), (120, 30)]
best = [0] * 51
for value, weight in items:
    for room in range(50, weight - 1, -1):
        best[room] = max(best[room], best[room - weight] + value)
print(best[50])
""",
    "roman numerals": """
def roman(n):
    out = ""
    for value, sign in ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")):
        count, n = divmod(n, value)
        out += sign * count
    return out
print([roman(n) for n in (4, 9, 1990, 2024)])
""",
    "caesar": """
from string import ascii_lowercase as letters
table = str.maketrans(letters, letters[3:] + letters[:3])
print("attack at dawn".translate(table), "café".encode("utf-8").hex(), bytes.fromhex("c3a9").decode())
""",
    "temperature table": """
print(f"{'C':>6} | {'F':>6}")
print("-" * 15)
for celsius in range(-10, 41, 10):
    print(f"{celsius:>6} | {celsius * 9 / 5 + 32:>6.1f}")
""",
    "seeded dice": """
import random
random.seed(42)
rolls = [random.randint(1, 6) + random.randint(1, 6) for _ in range(1000)]
print(sum(rolls), rolls[:5], sorted(random.sample(range(50), 6)), random.choice("abc"))
""",
    "linear regression": """
import statistics
x, y = [1, 2, 3, 4, 5], [2.1, 3.9, 6.2, 7.8, 10.1]
slope, intercept = statistics.linear_regression(x, y)
print(round(slope, 4), round(intercept, 4), round(statistics.correlation(x, y), 5))
""",
    "calendar": """
import calendar
print(calendar.month(2024, 2))
print([year for year in range(1896, 1913) if calendar.isleap(year)], calendar.monthrange(2023, 2))
""",
    "stack machine": """
import operator
OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
def evaluate(text):
    stack = []
    for token in text.split():
        if token in OPERATIONS:
            right, left = stack.pop(), stack.pop()
            stack.append(OPERATIONS[token](left, right))
        else:
            stack.append(float(token))
    return stack.pop()
print(evaluate("3 4 + 2 *"), evaluate("5 1 2 + 4 * + 3 -"))
""",
    "sets and permutations": """
from itertools import combinations, permutations
print(sorted({"a", "b"} | {"b", "c"}), {1, 2} < {1, 2, 3}, ["".join(p) for p in permutations("abc")][:4], len(list(combinations(range(10), 3))))
""",
    "text wrapped": """
import textwrap
print(textwrap.fill("The quick brown fox jumps over the lazy dog and runs away.", 24, initial_indent="* ", subsequent_indent="  "))
print(textwrap.shorten("one two three four five", 15))
""",
}
