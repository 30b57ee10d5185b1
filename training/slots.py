"""Values for the slots of requests: lists written for this project, and words and numbers made up on the spot.

A third of every list is held out: examples made for looking at a trained model use only values it never saw.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

Split = Literal["train", "dev"]

PLACES = """Oslo|Bergen|Lisbon|Porto|Madrid|Seville|Valencia|Granada|Bilbao|Paris|Lyon|Nantes|Toulouse|Marseille|Berlin|Hamburg
Munich|Leipzig|Cologne|Dresden|Bremen|Vienna|Graz|Linz|Zurich|Geneva|Basel|Rome|Milan|Turin|Naples|Palermo|Athens|Patras
Istanbul|Ankara|Izmir|Cairo|Alexandria|Tunis|Rabat|Fez|Lagos|Accra|Nairobi|Kampala|Cape Town|Durban|Dakar|Tokyo|Osaka|Kyoto
Sapporo|Seoul|Busan|Beijing|Shanghai|Chengdu|Hong Kong|Taipei|Manila|Hanoi|Bangkok|Phuket|Jakarta|Singapore|Kuala Lumpur
Delhi|Mumbai|Chennai|Pune|Karachi|Lahore|Dhaka|Colombo|Kathmandu|Tehran|Baghdad|Dubai|Doha|Riyadh|Sydney|Perth|Brisbane|Hobart
Auckland|Wellington|Honolulu|Anchorage|Seattle|Portland|San Francisco|Los Angeles|San Diego|Las Vegas|Denver|Austin|Dallas
Houston|Chicago|Detroit|Boston|New York|Miami|Atlanta|Nashville|Toronto|Montreal|Vancouver|Calgary|Halifax|Mexico City|Cancun
Havana|Bogotá|Lima|Cusco|Quito|La Paz|Santiago|Buenos Aires|Córdoba|Montevideo|São Paulo|Recife|Manaus|Reykjavik|Helsinki
Tampere|Stockholm|Malmö|Gothenburg|Copenhagen|Aarhus|Dublin|Cork|Galway|London|Leeds|Bristol|Edinburgh|Glasgow|Cardiff
Brussels|Ghent|Antwerp|Amsterdam|Utrecht|Groningen|Warsaw|Kraków|Gdańsk|Prague|Brno|Budapest|Bucharest|Sofia|Zagreb|Split
Ljubljana|Riga|Vilnius|Tallinn|Kyiv|Lviv|Minsk|Tbilisi|Yerevan|Baku|Samarkand|Almaty|Ulaanbaatar|Darwin|Suva|Nuuk|Tromsø
the Black Forest|the Isle of Skye|Lake Garda|Crete|Sicily|Corsica|Bali|Tenerife|Iceland|Patagonia|Cornwall|Tuscany"""
ZONE_CITIES = """Tokyo|London|New York|Sydney|Berlin|Paris|Singapore|Dubai|Moscow|Cairo|Nairobi|Lagos|Toronto|Vancouver|Chicago
Denver|Los Angeles|Honolulu|Anchorage|Lima|Bogotá|Santiago|Buenos Aires|São Paulo|Lisbon|Madrid|Rome|Athens|Helsinki|Oslo
Stockholm|Warsaw|Prague|Vienna|Zurich|Istanbul|Tehran|Karachi|Kolkata|Dhaka|Bangkok|Jakarta|Manila|Seoul|Shanghai|Hong Kong
Perth|Auckland|Reykjavik|Dublin|Johannesburg|Accra|Kathmandu|Colombo|Taipei|Phoenix|Boston|Miami|Seattle|Mexico City|Kyiv"""
ZONES = """Europe/Berlin|Europe/London|Europe/Oslo|Europe/Lisbon|Europe/Kyiv|Europe/Madrid|Asia/Tokyo|Asia/Kolkata|Asia/Seoul
Asia/Shanghai|Asia/Dubai|Asia/Singapore|Asia/Kathmandu|America/New_York|America/Chicago|America/Denver|America/Los_Angeles
America/Sao_Paulo|America/Lima|America/Toronto|Africa/Cairo|Africa/Lagos|Africa/Nairobi|Australia/Sydney|Australia/Perth
Pacific/Auckland|Pacific/Honolulu|UTC+2|UTC-5|UTC+9|GMT|CET|EST"""
NAMES = """Ana|Ben|Carla|Dmitri|Elif|Farid|Grace|Hiro|Ines|Jonas|Kemal|Lea|Mina|Noor|Olaf|Priya|Quentin|Rosa|Samir|Tara|Ugo|Vera
Wim|Xenia|Yara|Zoe|Amir|Bea|Chen|Dora|Emil|Freya|Goran|Hanna|Ivan|Jana|Kofi|Lars|Maya|Nils|Omar|Paula|Rafael|Sara|Tomas|Ursula
Viktor|Wanda|Yusuf|Zainab|Anders|Bruno|Chloe|Diego|Esther|Felix|Greta|Hassan|Ida|Jakub|Katya|Leon|Marta|Nadia|Otto|Petra|Rami
Sofia|Theo|Uma|Vlad|Will|Ayla|Boris|Clara|David|Eva|Fatima|Gina|Henry|Irene|Jack|Kim|Lucas|Marco|Nora|Oscar|Pia|Robin|Silvia
Mr Weber|Ms Novak|Dr Lindgren|Mrs Okafor|Professor Sato"""
LANGUAGES = """French|German|Spanish|Italian|Portuguese|Dutch|Swedish|Norwegian|Danish|Finnish|Polish|Czech|Slovak|Hungarian
Romanian|Bulgarian|Greek|Turkish|Arabic|Hebrew|Persian|Hindi|Bengali|Urdu|Tamil|Thai|Vietnamese|Indonesian|Malay|Tagalog
Japanese|Korean|Mandarin|Chinese|Russian|Ukrainian|Croatian|Serbian|Slovenian|Latvian|Lithuanian|Estonian|Icelandic|Irish
Welsh|Basque|Catalan|Galician|Latin|Esperanto|Swahili|Zulu|Afrikaans|Mongolian|Georgian|Armenian|English|Nepali"""
TOPICS = """electric cars|solar panels|the James Webb telescope|quantum computers|heat pumps|battery recycling|coral reefs
the Mars rover|black holes|bird migration|mushroom farming|urban gardening|3D printing|open source licences|rust programming
home automation|e-bikes|night trains|sourdough bread|fermentation|vegan cooking|marathon training|yoga for beginners|chess openings
the Silk Road|the Roman Empire|Viking ships|medieval castles|the Renaissance|jazz history|classical guitar|film photography
water colours|pottery|beekeeping|permaculture|wind turbines|nuclear fusion|gene editing|sleep research|the gut microbiome
climate change|ocean currents|volcanoes in Iceland|earthquake prediction|deep sea fish|snow leopards|whale songs|dinosaurs
space tourism|satellite internet|self-driving cars|machine learning on microcontrollers|the Raspberry Pi|the Jetson Orin
small language models|retrieval augmented generation|speech recognition|password managers|home backups|mesh networks|privacy laws
the housing market|inflation|interest rates|coffee prices|the minimum wage|student loans|remote work|the four day week
tiny houses|camper vans|the Camino de Santiago|hiking in Norway|diving in Egypt|the Northern Lights|polar bears|knitting patterns
bike repair|tomato diseases|indoor plants|aquarium fish|dog training|cat food|baby names|school holidays|the carnival|tram history"""
SUBJECTS = """Meeting moved|Lunch on Friday|Invoice 2041|Holiday plans|Project update|Server maintenance|Weekly report|Key handover
Birthday party|Team dinner|Budget draft|New printer|Sick today|Travel booking|Contract question|Open tasks|Release notes
Monthly figures|Garden help|Rent payment|Concert tickets|Feedback|Job application|Parking permit|Choir rehearsal|Book club
Car repair|Class reunion|Shift swap|Order status|Lost umbrella|Power cut|Photo album|Recipe|Standup notes|Offer 118|Training plan"""
MESSAGES = """the meeting is at 3 pm|I will be ten minutes late|the report is ready|lunch is on me today|the server is back online
please call me back|I cannot come tomorrow|the keys are under the mat|we need more paper|the invoice is paid|the train is delayed
I found your umbrella|the build is green again|dinner is at eight|the parcel has arrived|I will work from home today
please review my draft|the printer is broken|we won the game|the room has changed to B12|I booked the tickets|the heating is fixed
thanks for the flowers|I will bring the cake|the deadline moves to Monday|we are out of coffee|the car is ready to be picked up
I am sick and stay at home|please send me the slides|the test failed twice|the contract is signed|see you at the station
the kids are asleep|the new version is out|we meet in front of the cinema|your order has shipped|the window is still open
I finished the first chapter|the wifi password has changed|the plumber comes at nine|the concert was great|rehearsal is cancelled"""
PHRASES = """good morning|where is the station|how much does it cost|I would like a coffee|the book is on the table|see you later
my name is Robin|I am lost|thank you for your help|the weather is nice|can you help me|I am allergic to nuts|the bill please
happy new year|I love you|what time does the shop open|do you speak English|the train leaves at noon|we need a doctor
a table for two|turn left at the corner|buy milk and eggs|call the dentist|water the plants|the cat sleeps all day|keep it simple
hello world|work hard and be kind|practice makes perfect|no pain no gain|time is money|all is well|never give up
the sea is calm tonight|it rained for three days|my brother plays the violin|she reads a newspaper|they live in a small village
we went to the market|he forgot his keys|the lamp is broken|this is a test|draft version two|pick up the kids at four
version 1.2 is stable|do not disturb|meeting notes from Monday|backup finished|order number 5521|the door code is 4711
paint the fence|feed the fish|the quick brown fox|rent is due on the first|two tickets to Ghent please|is this seat free
congratulations on your new job|get well soon|welcome home|please close the window|the museum is closed today"""
FOODS = """apples|bread|cheese|pasta|rice|tomatoes|lentils|olive oil|yoghurt|honey|carrots|onions|pancakes|lasagne|ramen|curry|pizza
sushi|goulash|paella|risotto|tacos|dumplings|falafel|hummus|potato salad|mushroom soup|apple pie|banana bread|chocolate|oats
butter|eggs|milk|coffee|green tea|beans|spinach|garlic|ginger|salmon|tofu|pumpkin soup|waffles|croissants|pho|ratatouille"""
TASKS = """water the plants|call the dentist|buy stamps|pay the rent|clean the kitchen|book the train|write to Grandma|fix the bike
renew the passport|feed the cat|take out the bins|order new tyres|read chapter four|back up the photos|return the books
pick up the parcel|mow the lawn|charge the battery|iron the shirts|print the tickets|update the router|bake a cake|sort the mail"""
EVENTS = """dentist|team meeting|piano lesson|lunch with Carla|yoga class|job interview|project review|parents' evening|flight to Rome
birthday party|sprint planning|haircut|budget meeting|book club|doctor's appointment|driving lesson|dinner with the Novaks|choir
car inspection|gym|release party|standup|code review|vet visit|garden work|school play|quarterly review|board meeting|eye test
coffee with Ben|swimming course|house viewing|concert|tax advisor|physiotherapy|kickoff call|retro|workshop on safety|movie night"""
VENUES = """the town hall|room B12|Central Station|Café Luna|the main office|the library|Museum Square|the sports hall|room 204
the harbour|Market Street 5|the old mill|Green Park|the cinema|conference room 3|Grand Hotel|the school|Bridge Street|the airport"""
COMPANIES = """IKEA|Siemens|Toyota|Nokia|Lufthansa|Spotify|Lego|Philips|Samsung|Sony|Nintendo|Adidas|Volvo|Bosch|Zara|Maersk|Airbus
Blue Door|Casa Rosa|Trattoria Vero|Golden Lotus|Nvidia|Intel|AMD|Framework|Fairphone|Decathlon|Ryanair|Deutsche Bahn|SNCF|Shimano"""
PRODUCTS = """Pixel 9|Kindle Paperwhite|Framework laptop|Sony WH-1000XM5|Nintendo Switch|Fairphone 5|ThinkPad X1|Roomba j7
Garmin Forerunner|Canon R6|GoPro Hero 12|Jetson Orin Nano|Raspberry Pi 5|Steam Deck|Dyson V15|Thermomix|Brompton bike|iPad mini"""
COMPETITIONS = """World Cup|Champions League final|Wimbledon final|Tour de France|Super Bowl|Eurovision Song Contest|Formula 1 race in Monza
chess championship|Six Nations|NBA final|Berlin marathon|Olympic Games|Davis Cup|Nobel Prize in Physics|Oscar for best film"""
LIBRARIES = """numpy|pandas|django|flask|pytorch|scikit-learn|textual|httpx|pydantic|fastapi|react|vue|svelte|tokio|llama.cpp|sqlite
postgresql|redis|kubernetes|docker|ansible|terraform|nginx|ffmpeg|opencv|rich|typer|jinja2|duckdb|polars"""
PROGRAMS = "git|docker|ffmpeg|curl|node|rustc|gcc|vim|tmux|htop|jq|nginx|psql|make|cmake|go|java|perl|rsync|ssh"
ROOMS = "kitchen|living room|bedroom|bathroom|hallway|office|garage|cellar|garden|attic|workshop|balcony"
SONGS = "jazz|Miles Davis|some Bach|Bohemian Rhapsody|lo-fi beats|the Beatles|quiet piano|road trip mix|Nina Simone|dance hits"
TICKERS = "NVDA|AAPL|TSLA|SAP|MSFT|AMZN|GOOG|META|INTC|AMD|ASML|NOKIA|SONY|BMW|SHEL|NFLX"
CURRENCIES = "euros|dollars|pounds|yen|francs|kroner|EUR|USD|GBP|JPY|CHF|SEK|INR|PLN|rupees|pesos"
SIGNS = "aries|taurus|gemini|cancer|leo|virgo|libra|scorpio|sagittarius|capricorn|aquarius|pisces"
TABLES = """customers|orders|products|employees|users|invoices|books|students|books_loans|payments|events|tickets|songs|members
suppliers|courses|articles|reviews|vehicles|flights|patients|tasks|sensors|readings|cities"""
COLUMNS = "name|city|country|status|category|department|author|email|type|region|owner|color|language|level"
NUMERIC_COLUMNS = (
    "price|salary|age|quantity|amount|total|score|weight|rating|year|stock|height|duration|points|temperature"
)
WORDS = """water|window|freedom|butterfly|library|mountain|spoon|winter|bridge|garden|thunder|lantern|blanket|pepper|engine|harbour
candle|horizon|pocket|ladder|island|whisper|anchor|basket|feather|hammer|jacket|kettle|meadow|needle|orchard|pillow|quarry|ribbon
saddle|teapot|umbrella|velvet|wagon|yellow|budget|deadline|port|timeout|password|licence|address|warning|total|owner"""
ADJECTIVES = "big|happy|loud|empty|early|strong|rich|hard|bright|clean|heavy|narrow|brave|cheap|dry|fast|old"
NATURE = "the sea|a quiet forest|rain|the moon|autumn leaves|a river|the first snow|a garden|spring|the mountains|a cat in the sun"
THINGS = "heater|window|washing machine|door|shower|oven|lock|dishwasher|lamp"
FILE_STEMS = """notes|todo|report|budget|config|readme|diary|recipes|contacts|invoice|letter|draft|plan|log|results|data|ideas|agenda
minutes|shopping|travel|summary|settings|main|app|utils|test_model|server|index|chapter1|journal|wishlist|inventory|schedule"""
FILE_ENDINGS = "txt|md|csv|json|py|log|yaml|toml|html|ini|cfg|xml|sql|sh|rst|tex"
FOLDERS = """src|docs|data|photos|Downloads|Documents|projects|tests|backup|music|reports|images|scripts|notes|build|assets|logs
invoices|config|work|papers|models|videos|archive|recipes"""
HOSTS = """example.org|example.com|news.example.net|blog.example.org|wiki.example.org|docs.python.org|en.wikipedia.org|api.example.com
httpbin.org|api.github.com|weather.example.net|shop.example.com|lwn.net|arxiv.org|intranet.local:8080|localhost:3000|127.0.0.1:5000
status.example.io|data.example.eu|api.open-meteo.com|jsonplaceholder.typicode.com|myserver.lan|photos.example.ch|www.bbc.com"""
DOMAINS = (
    "example.org|example.com|mail.example.net|firm.test|uni.example.edu|web.example.de|post.example|team.example.io"
)
COMMANDS = """ls -la|ls|pwd|df -h|free -m|uptime|whoami|uname -a|date|git status|git log --oneline|git diff|git branch -a|ps aux
top -b -n 1|env|hostname|id|du -sh .|cat /etc/os-release|lscpu|nproc|pip list|python3 --version|make test|make build|npm test
cargo build|pytest -q|docker ps|ip addr|lsblk|mount|history|tree|wc -l *.py|grep -r TODO .|find . -name '*.log'|tar tf backup.tar
echo hello|ls /tmp|head -n 5 data.csv|tail -f app.log|sort names.txt|uniq -c names.txt|chmod +x run.sh|sleep 2|printenv PATH|which git"""
SKIES = "sunny|light rain|cloudy|snow|clear sky|fog|showers|thunderstorm|overcast|heavy rain|windy and dry"
FACTS = """The new bridge opens in May|Sales rose by four percent|The study followed 300 people for ten years|It needs two cups of flour
The festival was moved to June|Version 3 brings a faster index|The town plants a thousand trees|The council voted for the bike lane
Rent is due on the first of the month|The meeting decided to hire two people|The museum shows old maps|The harvest was poor this year
Port 8080 is used by default|The owner is the finance team|Three tasks are open|The deadline is the end of March|Trains run hourly
The bakery closes at six|The password must be changed every year|Two bugs were fixed and one is open|The river rose by a metre"""
UNIX = {
    "grep": "It prints the lines that match a pattern.",
    "ls": "It lists the files of a folder.",
    "tar xzf": "It unpacks a gzipped tar archive.",
    "chmod": "It changes the permissions of files.",
    "df -h": "It shows the free space of each disk in readable units.",
    "ps aux": "It lists all running processes.",
    "kill -9": "It ends a process at once, without a chance to clean up.",
    "rm -rf": "It deletes a folder and everything in it, without asking.",
    "curl": "It transfers data from or to a server and prints the answer.",
    "sed": "It edits text line by line, often by search and replace.",
    "awk": "It processes text by columns.",
    "du -sh": "It shows how much space a folder takes.",
    "cron": "It starts programs at fixed times.",
    "ssh": "It opens a secure shell on another machine.",
    "sudo": "It runs a command as the administrator.",
    "head": "It prints the first lines of a file.",
    "tail -f": "It prints the end of a file and goes on as it grows.",
    "wc -l": "It counts lines.",
    "git stash": "It puts your changes aside so that you can come back to them.",
    "find": "It searches files by name, size, age and more.",
    "uptime": "It tells how long the machine has been running and its load.",
    "cat": "It prints files one after the other.",
    "touch": "It creates an empty file or renews its date.",
    "diff": "It shows how two files differ.",
}
PYTHON_NAMES = {
    "len": "It gives the number of items.",
    "range": "It makes a sequence of whole numbers.",
    "print": "It writes values to the output.",
    "sorted": "It returns a sorted list.",
    "zip": "It pairs up items of several sequences.",
    "enumerate": "It gives each item together with its number.",
    "a list comprehension": "A short way to build a list from a loop.",
    "a decorator": "A function that wraps another one to change what it does.",
    "lambda": "It makes a small function without a name.",
    "a dictionary": "It maps keys to values.",
    "async": "It marks a function that can wait without blocking others.",
    "yield": "It gives back a value and goes on from there at the next request.",
    "try": "It runs code and lets you handle its errors.",
    "open": "It opens a file.",
}
CONCEPTS = {
    "photosynthesis": "Plants turn light, water and carbon dioxide into sugar and oxygen.",
    "gravity": "The force by which masses attract each other.",
    "inflation": "A general rise of prices, so money buys less.",
    "recursion": "A function that solves a problem by calling itself on smaller parts.",
    "DNA": "The molecule that stores the building plan of living things.",
    "osmosis": "Water moving through a membrane towards the saltier side.",
    "democracy": "A form of government in which the people decide, mostly by voting.",
    "entropy": "A measure of disorder, or of how many ways a thing can be arranged.",
    "a black hole": "A region of space whose gravity lets not even light escape.",
    "an algorithm": "A precise list of steps that solves a problem.",
    "a compiler": "A program that translates source code into machine code.",
    "an API": "A set of rules by which programs talk to each other.",
    "a database": "An organised collection of data that programs can search.",
    "a firewall": "A filter that decides which network traffic may pass.",
    "encryption": "Making data unreadable for everyone without the key.",
    "machine learning": "Programs that find patterns in data instead of following fixed rules.",
    "a neural network": "A model of layers of simple units whose weights are learnt from data.",
    "open source": "Software whose source code anyone may read, change and share.",
    "a VPN": "An encrypted tunnel to another network.",
    "JSON": "A text format for data, made of objects, lists and values.",
    "YAML": "A text format for data that uses indentation.",
    "Markdown": "A simple way to format plain text.",
    "a regular expression": "A pattern that describes text to search for.",
    "a time zone": "A region in which clocks show the same time.",
    "the greenhouse effect": "Gases in the air keep part of the Earth's warmth from escaping.",
    "a solar eclipse": "The moon moves in front of the sun.",
    "compound interest": "Interest that is paid on earlier interest too.",
    "a mortgage": "A loan for a home that serves as its security.",
    "blockchain": "A shared list of records, chained by checksums.",
    "a metaphor": "A figure of speech that describes one thing as another.",
    "irony": "Saying the opposite of what is meant.",
    "a sonnet": "A poem of fourteen lines.",
    "haiku": "A short Japanese poem of three lines.",
    "the stock market": "A place where shares of companies are bought and sold.",
    "a virus": "A tiny particle that multiplies inside cells and can make you ill.",
    "an antibiotic": "A drug against bacteria.",
    "evaporation": "A liquid turning into gas below its boiling point.",
    "a shell script": "A file of commands that the shell runs one after the other.",
    "a cookie": "A small piece of data a web site stores in your browser.",
    "a webhook": "An address a service calls when something happens.",
    "phishing": "Tricking people into giving away passwords, often by fake mails.",
    "two-factor authentication": "Signing in with a second proof besides the password.",
    "latency": "The time between a request and the first answer.",
    "bandwidth": "How much data a connection carries in a given time.",
    "a cache": "A fast store for what was needed recently.",
    "a unit test": "A small test of one part of a program.",
    "version control": "Keeping the history of files, as git does.",
    "a spreadsheet": "A table in which cells can hold formulas.",
    "the water cycle": "Water evaporates, forms clouds, rains down and flows back.",
    "friction": "The force that slows things that rub against each other.",
    "a verb": "A word for an action or a state.",
    "an adjective": "A word that describes a noun.",
    "jet lag": "Feeling tired because your inner clock is still in another time zone.",
    "umami": "The savoury taste, beside sweet, sour, salty and bitter.",
}
ACRONYMS = {
    "RAM": "Random Access Memory",
    "GPU": "Graphics Processing Unit",
    "USB": "Universal Serial Bus",
    "PDF": "Portable Document Format",
    "URL": "Uniform Resource Locator",
    "CSV": "Comma-Separated Values",
    "NASA": "National Aeronautics and Space Administration",
    "UTC": "Coordinated Universal Time",
    "LED": "Light-Emitting Diode",
    "DNS": "Domain Name System",
    "HTML": "Hypertext Markup Language",
    "SMTP": "Simple Mail Transfer Protocol",
    "ASAP": "as soon as possible",
    "FAQ": "frequently asked questions",
    "EU": "European Union",
    "UNESCO": "United Nations Educational, Scientific and Cultural Organization",
}
CAPITALS = {
    "France": "Paris", "Germany": "Berlin", "Spain": "Madrid", "Italy": "Rome", "Portugal": "Lisbon", "Norway": "Oslo",
    "Sweden": "Stockholm", "Finland": "Helsinki", "Denmark": "Copenhagen", "Poland": "Warsaw", "Austria": "Vienna",
    "Hungary": "Budapest", "Greece": "Athens", "Turkey": "Ankara", "Egypt": "Cairo", "Kenya": "Nairobi", "Japan": "Tokyo",
    "China": "Beijing", "India": "New Delhi", "Thailand": "Bangkok", "Vietnam": "Hanoi", "Peru": "Lima", "Chile": "Santiago",
    "Argentina": "Buenos Aires", "Brazil": "Brasília", "Canada": "Ottawa", "Mexico": "Mexico City", "Cuba": "Havana",
    "Australia": "Canberra", "New Zealand": "Wellington", "Ireland": "Dublin", "Belgium": "Brussels", "Iceland": "Reykjavik",
    "Estonia": "Tallinn", "Latvia": "Riga", "Ukraine": "Kyiv", "Romania": "Bucharest", "Bulgaria": "Sofia", "Morocco": "Rabat",
}  # fmt: skip
BOOKS = {
    "Hamlet": "William Shakespeare",
    "Faust": "Johann Wolfgang von Goethe",
    "Don Quixote": "Miguel de Cervantes",
    "War and Peace": "Leo Tolstoy",
    "Pride and Prejudice": "Jane Austen",
    "1984": "George Orwell",
    "The Hobbit": "J. R. R. Tolkien",
    "Moby-Dick": "Herman Melville",
    "Dracula": "Bram Stoker",
    "Frankenstein": "Mary Shelley",
    "The Trial": "Franz Kafka",
    "Crime and Punishment": "Fyodor Dostoevsky",
}
STATUS = {
    "404": "The page was not found.",
    "500": "The server had an error.",
    "301": "The page has moved for good.",
    "403": "Access is forbidden.",
    "200": "The request succeeded.",
    "401": "You have to sign in.",
    "418": "I'm a teapot: a joke among status codes.",
    "503": "The service is not available at the moment.",
}
_SYLLABLES = "ba be bo da de di do fa fi ga go ka ke ki ko la le li lo lu ma me mi mo na ne ni no nu pa pe po ra re ri ro sa se si so ta te ti to tu va ve vi wa we xa za zo".split()


class Slots:
    """Fill slots for one example: the same name gives the same value, `name2` another one of its kind."""

    def __init__(self, rng: random.Random, split: Split) -> None:
        self._rng = rng
        self._split = split
        self._values: dict[str, str] = {}
        self.values: dict[str, str] = self._values

    def __getitem__(self, name: str) -> str:
        """Return the value of a slot; asked again, the same."""
        if name not in self._values:
            self._fill(name)
        return self._values[name]

    def _fill(self, name: str) -> None:
        base, _, _form = name.partition(".")
        kind = base.rstrip("0123456789")
        for _ in range(20):
            value = self._value(kind, base)
            if value not in self._values.values():
                break
        self._values[base] = value
        if name not in self._values:  # a form that is made together with its base
            raise KeyError(name)

    def _value(self, kind: str, base: str) -> str:
        pair = _PAIRS.get(kind)
        if pair is not None:
            first, second, table = pair
            key = pick(self._rng, list(table), self._split)
            number = base[len(kind) :]
            self._values[first + number], self._values[second + number] = key, table[key]
            return self._values[kind + number]
        if kind == "dt":
            spoken, iso = _date_and_time(self._rng)
            self._values[f"{base}.iso"] = iso
            return spoken
        if kind == "dom":
            day = self._rng.randint(1, 27)
            self._values[f"{base}+1"] = f"{day + 1:02}"
            return f"{day:02}"
        if kind in _LISTS:
            return pick(self._rng, _LISTS[kind], self._split)
        return _MAKERS[kind](self._rng, self._split)


def pick(rng: random.Random, values: Sequence[str], split: Split) -> str:
    """Choose a value this split may see."""
    allowed = [value for value in values if _split_of(value) == split] or list(values)
    return rng.choice(allowed)


def _split_of(value: str) -> Split:
    return "dev" if hashlib.sha256(value.encode()).digest()[0] % 3 == 0 else "train"


def made_up(rng: random.Random, least: int = 2, most: int = 3) -> str:
    """Return a word that means nothing, so that it can only be copied."""
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(least, most)))


def _entries(text: str) -> list[str]:
    return [entry for line in text.splitlines() for entry in line.split("|")]


def _place(rng: random.Random, split: Split) -> str:
    return made_up(rng, 2, 4).capitalize() if rng.random() < 0.12 else pick(rng, _entries(PLACES), split)


def _name(rng: random.Random, split: Split) -> str:
    return made_up(rng).capitalize() if rng.random() < 0.2 else pick(rng, _entries(NAMES), split)


def _word(rng: random.Random, split: Split) -> str:
    return pick(rng, _entries(WORDS), split)


def _email(rng: random.Random, split: Split) -> str:
    first = _name(rng, split).lower().replace(" ", ".")
    local = rng.choice(
        [first, f"{first}.{made_up(rng)}", f"{first[0]}.{made_up(rng)}", rng.choice(["info", "office", "hello"])]
    )
    return f"{local}@{pick(rng, _entries(DOMAINS), split) if rng.random() < 0.6 else made_up(rng) + rng.choice(['.com', '.org', '.net'])}"


def _file(rng: random.Random, split: Split) -> str:
    stem = made_up(rng) if rng.random() < 0.3 else pick(rng, _entries(FILE_STEMS), split)
    if rng.random() < 0.25:
        stem += rng.choice(["_2025", "-old", "2", "_final", "_v3", "-draft"])
    folder = f"{_folder_name(rng, split)}/" if rng.random() < 0.35 else ""
    return f"{folder}{stem}.{rng.choice(_entries(FILE_ENDINGS))}"


def _folder_name(rng: random.Random, split: Split) -> str:
    return made_up(rng) if rng.random() < 0.2 else pick(rng, _entries(FOLDERS), split)


def _dir(rng: random.Random, split: Split) -> str:
    return "/".join(_folder_name(rng, split) for _ in range(rng.choice([1, 1, 2])))


def _url(rng: random.Random, split: Split) -> str:
    host = (
        pick(rng, _entries(HOSTS), split)
        if rng.random() < 0.75
        else f"{made_up(rng)}.{rng.choice(['com', 'org', 'io', 'dev'])}"
    )
    path = rng.choice(["", "/", f"/{made_up(rng)}", f"/{_word(rng, split)}/{rng.randint(1, 999)}", "/news", "/health", "/status",
                       f"/api/{_word(rng, split)}s", f"/v1/{made_up(rng)}", f"/{_word(rng, split)}.html", "/about", "/index.html"])  # fmt: skip
    return f"{rng.choice(['https', 'https', 'http'])}://{host}{path}"


def _topic(rng: random.Random, split: Split) -> str:
    topic = pick(rng, _entries(TOPICS), split)
    return f"{topic} in {_place(rng, split)}" if rng.random() < 0.12 else topic


def _message(rng: random.Random, split: Split) -> str:
    message = pick(rng, _entries(MESSAGES), split)
    return f"{message}, {_name(rng, split)}" if rng.random() < 0.05 else message


def _subject(rng: random.Random, split: Split) -> str:
    subject = pick(rng, _entries(SUBJECTS), split)
    return subject.lower() if rng.random() < 0.4 else subject


def _phrase(rng: random.Random, split: Split) -> str:
    phrase = pick(rng, [*_entries(PHRASES), *_entries(MESSAGES)], split)
    return phrase[0].upper() + phrase[1:] + rng.choice(["", ".", "!"]) if rng.random() < 0.35 else phrase


def _fact(rng: random.Random, split: Split) -> str:
    return (
        f"{pick(rng, _entries(FACTS), split)}, says {_name(rng, split)}."
        if rng.random() < 0.3
        else pick(rng, _entries(FACTS), split) + "."
    )


def _foreign(rng: random.Random, _split: Split) -> str:
    """Return what looks like a sentence of another language; it can only be copied."""
    return " ".join(made_up(rng, 1, 3) for _ in range(rng.randint(2, 5))).capitalize()


def _title(rng: random.Random, split: Split) -> str:
    return (
        rng.choice(["All about {}", "A guide to {}", "{} today", "News: {}", "{} explained"])
        .format(_word(rng, split))
        .capitalize()
    )


def _int(rng: random.Random, _split: Split) -> str:
    return str(rng.choice([rng.randint(11, 99), rng.randint(100, 999), rng.randint(2, 60)]))


def _big(rng: random.Random, _split: Split) -> str:
    return str(
        rng.choice(
            [rng.randint(100, 999), rng.randint(1000, 9999), rng.randint(10_000, 99_999), rng.randint(1, 90) * 100]
        )
    )


def _dec(rng: random.Random, _split: Split) -> str:
    return f"{rng.randint(2, 400)}.{rng.randint(1, 99):02}"


def _expr(rng: random.Random, split: Split) -> str:
    a, b, c = _int(rng, split), _int(rng, split), _int(rng, split)
    d = _dec(rng, split)
    return rng.choice(
        [f"{a} * {b}", f"{a}+{b}*{c}", f"({a} + {b}) * {c}", f"{a} * {b} - {c}", f"{d} * {a}", f"({a} - {b}) / {c}", f"{a}*{b}+{c}",
         f"{d} + {a}", f"{a} / {b}", f"{a}**2 + {b}", f"sqrt({a}) * {b}", f"{a} * ({b} + {c})", f"{a} + {b} + {c}", f"{d}/{a}",
         f"{a}*{b}*{c}", f"{a} % {b}", f"2**{rng.randint(4, 40)}", f"({a}*{b})/({c}+1)"]
    )  # fmt: skip


def _code(rng: random.Random, split: Split) -> str:
    a, b, word = _int(rng, split), rng.randint(2, 20), _word(rng, split)
    return rng.choice(
        [f"print({a} * {b})", f'print("{word}".upper())', f"print(sum(range({a})))", f"print([x ** 2 for x in range({b})])",
         f'print("{word}"[::-1])', f"import math; print(math.sqrt({a}))", f'print(len("{word}"))', f"print(2 ** {b})",
         f'x = {a}\nprint(x % {b})', f'for i in range({b}): print(i)', f"print(max({a}, {b}))", f"sorted([{a}, {b}, 7])",
         f'"{word}".count("e")', f"print({{i: i * {b} for i in range(3)}})", f"import random; print(random.randint(1, {a}))",
         f"def f(n):\n    return n * {b}\nprint(f({a}))", f'print("{word}" * {rng.randint(2, 5)})', "import sys; print(sys.version)",
         f"print(round({a} / {b}, 2))", f'print(list("{word}"))']
    )  # fmt: skip


def _sql(rng: random.Random, split: Split) -> str:
    table, column, number = (pick(rng, _entries(text), split) for text in (TABLES, COLUMNS, NUMERIC_COLUMNS))
    n, name = rng.randint(1, 90), _name(rng, split)
    return rng.choice(
        [f"SELECT * FROM {table}", f"SELECT COUNT(*) FROM {table}", f"SELECT {column} FROM {table} LIMIT {n}",
         f"SELECT * FROM {table} WHERE {number} > {n}", f"SELECT {column}, {number} FROM {table} ORDER BY {number} DESC",
         f"select * from {table} limit {n}", f"SELECT AVG({number}) FROM {table}", f"SELECT DISTINCT {column} FROM {table}",
         f"SELECT * FROM {table} WHERE {column} = '{name}'", f"DELETE FROM {table} WHERE id = {n}",
         f"UPDATE {table} SET {number} = {n} WHERE id = {n + 1}", f"SELECT {column}, COUNT(*) FROM {table} GROUP BY {column}"]
    )  # fmt: skip


def _json(rng: random.Random, split: Split) -> str:
    word, name = _word(rng, split), _name(rng, split)
    return rng.choice([f'{{"name": "{name}"}}', f'{{"id": {rng.randint(1, 99)}}}', f'{{"{word}": {rng.randint(1, 99)}}}',
                       f'{{"title": "{word}", "done": false}}', f'{{"user": "{name}", "age": {rng.randint(8, 90)}}}',
                       '{"status": "ok"}', f'{{"message": "{word}"}}'])  # fmt: skip


def _random_date(rng: random.Random) -> date:
    return date(2025, 1, 1) + timedelta(days=rng.randint(0, 1200))


def _date_and_time(rng: random.Random) -> tuple[str, str]:
    """Return a date and time as people write it, and in ISO 8601."""
    when = datetime.combine(_random_date(rng), datetime.min.time()) + timedelta(
        hours=rng.randint(7, 21), minutes=rng.choice([0, 0, 0, 15, 30, 45])
    )
    hour = when.hour % 12 or 12
    twelve = (
        f"{hour}{f':{when.minute:02}' if when.minute else ''}{rng.choice(['', ' '])}{'am' if when.hour < 12 else 'pm'}"
    )
    clock = rng.choice([f"{when:%H:%M}", f"{when:%H:%M}", twelve])
    day = rng.choice([f"{when:%Y-%m-%d}", f"{when:%Y-%m-%d}", f"{when.day} {when:%B %Y}", f"{when:%B} {when.day}, {when.year}",
                      f"{when.day}.{when.month}.{when.year}"])  # fmt: skip
    return f"{day} {rng.choice(['at ', 'at ', '', 'from '])}{clock}", f"{when:%Y-%m-%dT%H:%M}"


_LISTS: dict[str, list[str]] = {
    "zcity": _entries(ZONE_CITIES), "zone": _entries(ZONES), "lang": _entries(LANGUAGES), "food": _entries(FOODS),
    "task": _entries(TASKS), "event_title": _entries(EVENTS), "venue": _entries(VENUES), "company": _entries(COMPANIES),
    "product": _entries(PRODUCTS), "event": _entries(COMPETITIONS), "lib": _entries(LIBRARIES), "prog": PROGRAMS.split("|"),
    "room": ROOMS.split("|"), "song": SONGS.split("|"), "ticker": TICKERS.split("|"), "cur": CURRENCIES.split("|"),
    "sign": SIGNS.split("|"), "table": _entries(TABLES), "column": COLUMNS.split("|"), "numcol": NUMERIC_COLUMNS.split("|"),
    "adj": ADJECTIVES.split("|"), "nature": NATURE.split("|"), "thing": THINGS.split("|"), "cmd": _entries(COMMANDS),
    "ext": FILE_ENDINGS.split("|"), "unit": ["celsius", "fahrenheit"], "method": ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"],
    "mins": ["5", "10", "15", "20", "25", "30", "40", "45", "50", "60", "75", "90", "120"], "letter": list("aeiourstn"),
    "sky": SKIES.split("|"), "day": ["today", "tomorrow", "tonight", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
}  # fmt: skip
_MAKERS: dict[str, Callable[[random.Random, Split], str]] = {
    "place": _place, "name": _name, "word": _word, "email": _email, "file": _file, "dir": _dir, "url": _url, "topic": _topic,
    "message": _message, "subject": _subject, "phrase": _phrase, "int": _int, "big": _big, "dec": _dec, "expr": _expr,
    "code": _code, "sql": _sql, "json": _json,
    "fact": _fact, "foreign": _foreign, "title": _title,
    "name_of_file": lambda rng, split: _file(rng, split).rpartition("/")[2],
    "small": lambda rng, _split: str(rng.randint(2, 12)),
    "temp": lambda rng, _split: str(rng.randint(-12, 38)),
    "clock": lambda rng, _split: f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}",
    "hour": lambda rng, _split: str(rng.randint(10, 21)),
    "mon": lambda rng, _split: f"{rng.randint(1, 12):02}",
    "pct": lambda rng, _split: str(rng.choice([5, 8, 10, 12, 15, 18, 19, 20, 22, 25, 30, 35, 40, 45, 60, 75, 80])),
    "isodate": lambda rng, _split: _random_date(rng).isoformat(),
    "dbfile": lambda rng, split: f"{pick(rng, _entries(TABLES), split)}.{rng.choice(['db', 'sqlite', 'db', 'csv'])}",
    "image": lambda rng, split: f"{_word(rng, split)}.{rng.choice(['jpg', 'png'])}",
    "phone": lambda rng, _split: f"0{rng.randint(100, 999)} {rng.randint(10_000, 999_999)}",
    "code_id": lambda rng, _split: f"{rng.choice('ABRZ')}{rng.randint(100_000, 999_999)}",
}  # fmt: skip
_PAIRS: dict[str, tuple[str, str, dict[str, str]]] = {}
for _first, _second, _table in (
    ("unix", "unix_does", UNIX),
    ("pyname", "py_does", PYTHON_NAMES),
    ("concept", "definition", CONCEPTS),
    ("acronym", "acronym_long", ACRONYMS),
    ("country", "capital", CAPITALS),
    ("book", "author", BOOKS),
    ("status", "status_means", STATUS),
):
    _PAIRS[_first] = _PAIRS[_second] = (_first, _second, _table)
