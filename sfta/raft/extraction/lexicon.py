"""The closed word classes and the verbs of technical English, with their forms."""

from sfta.raft.corpus import bag

DETERMINERS = bag(
    "a an the each every both all no any some two three four five six seven eight nine ten "
    "twelve sixteen another either neither several many few most"
)
NUMBER_WORDS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "fifteen", "sixteen", "twenty", "thirty", "forty", "fifty", "sixty", "hundred",
)  # fmt: skip
PRONOUNS = bag(
    "it they he she this these those that such them him her there here one others nobody "
    "someone somebody anyone everyone everybody its their his both"
)
PREPOSITIONS = bag(
    "of to in on at by for from with without into onto over under above below between behind "
    "beside before after during until through against along across inside outside within near "
    "per around upon beyond toward towards about among as than like up down off out next "
    "upstream downstream"
)
RELATIVE = bag("that which who whose where")
BE = {"is": "be", "are": "be", "was": "be", "were": "be"}
MODALS = bag("must may can should will shall might could cannot need")
AUXILIARIES = frozenset(BE) | MODALS | {"do", "does", "did"}
ADVERBS = bag(
    "not never always only also still therefore then just once twice again already usually "
    "normally automatically slowly fully directly immediately constantly continuously often "
    "soon later now either even itself themselves "
    "sometimes separately together evenly afterwards"
)
PERSONS = bag(
    "owner installer engineer mechanic electrician specialist operator person people "
    "technician manufacturer customer contractor supplier driver user staff supervisor "
    "laboratory visitor company carrier doctor inspector manager worker planner fitter"
)

_REGULAR = bag(
    """
accept access accompany accumulate acknowledge act activate adapt add adjust affect agree
alert align allow alternate amount analyse analyze appear apply appoint approach arrive ask
assemble assign attach attack avoid back balance base begin belong block blow boil bolt
brush burn bypass calculate calibrate call cancel carry catch cause change charge check
choose circulate clamp clean clear click climb close coat collect combine come compare
compensate compress concentrate condense confirm connect consist consume contain continue
control convert cool correct corrode cost count cover crack crush cure cycle damage decide
declare decrease defeat define degrade deliver demand depend describe design destroy detect
determine deviate differ dim direct disable disappear discharge disconnect displace display
dissolve distort divide drain drip drop dry earth ease eject empty enable encode end enlarge
ensure enter equal escape establish evaporate examine exceed exchange exclude execute
exhaust exist expand expect expire explain export expose extend extinguish extract face fail
fasten feed fill filter finish fit fix flash flow flush follow force form format free fuel
gather generate give glow govern grease ground group grow guard guide handle hang happen
harden hear heat help hinder hit hoist hold hook ignore illuminate improve increase indicate
inform inhibit initiate inject insert inspect install instruct insulate interrupt introduce
invert isolate issue join jump key kill label lack lap latch lead leak learn lengthen level
lift light limit link list load locate lock log look loosen lower lubricate maintain map
mark match matter mean measure meet melt migrate mix monitor mount move name need neutralise
neutralize note notice obey observe obtain occur offer oil open operate order oscillate
overflow overhaul overheat override overwrite oxidise paint pair park pass pause permit
photograph pierce place plan plug point poll post pour power press pressurise pressurize
prevent prime print produce prohibit prolong protect prove provide pull pump purge push
polish quote raise reach react read rearrange receive recommend record recover reduce refer
refill refit refuse regulate reject relate release relieve remain remove renew repair repeat
replace report represent request require reserve reset resist respond rest restart restore
restrict result retain retighten return reverse revolve rinse rise rotate round rub run
sample save scald scale scan schedule scrap scratch screw seal secure select send separate
serve set settle share shield shift shorten show shrink shut signal silence simulate sink
sit size slide slip slow smell smoke snap soak soften sound specify spread spring squeeze
stand start state stay stick stop store straighten strengthen strip stroke suffer supply
support suppress surround suspend swap sweep swing switch synchronise take tap tear tell
terminate test thread tighten tilt tip top touch trace track train transfer transmit
transport travel treat trigger trip turn twist uncover unhook unload unlock unplug unscrew
update upgrade use vacuum vary vent ventilate verify vibrate view wait wake warm warn wash
watch wear weigh weld wet widen wipe wire withstand work write yield stretch clip crimp
solder flange purchase sign walk tend bind bite break bring build buy cast cut deal draw
drive fall find fly forget freeze get go grind keep know lay leave lend let lie lose make
pay put rewind ride ring see seek sell shake shine speak spend split steal strike think
throw understand unwind wind win credit enquire escalate enclose employ equip embed delete
rate rivet halve recognise recognize answer chafe copy publish laminate account survive last
recharge reconnect reinstall remind snaps spray stain steer stir submerge suck tag tally
tune void wedge wrap zero
"""
)

IRREGULAR = {
    "be": ("was", "been"), "begin": ("began", "begun"), "bend": ("bent", "bent"),
    "bind": ("bound", "bound"), "bite": ("bit", "bitten"), "blow": ("blew", "blown"),
    "break": ("broke", "broken"), "bring": ("brought", "brought"), "build": ("built", "built"),
    "burn": ("burnt", "burnt"), "buy": ("bought", "bought"), "cast": ("cast", "cast"),
    "catch": ("caught", "caught"), "choose": ("chose", "chosen"), "come": ("came", "come"),
    "cost": ("cost", "cost"), "cut": ("cut", "cut"), "deal": ("dealt", "dealt"),
    "do": ("did", "done"), "draw": ("drew", "drawn"), "drive": ("drove", "driven"),
    "fall": ("fell", "fallen"), "feed": ("fed", "fed"), "find": ("found", "found"),
    "fit": ("fitted", "fitted"), "fly": ("flew", "flown"), "forget": ("forgot", "forgotten"),
    "freeze": ("froze", "frozen"), "get": ("got", "got"), "give": ("gave", "given"),
    "go": ("went", "gone"), "grind": ("ground", "ground"), "grow": ("grew", "grown"),
    "hang": ("hung", "hung"), "have": ("had", "had"), "hear": ("heard", "heard"),
    "hit": ("hit", "hit"), "hold": ("held", "held"), "keep": ("kept", "kept"),
    "know": ("knew", "known"), "lay": ("laid", "laid"), "lead": ("led", "led"),
    "leave": ("left", "left"), "lend": ("lent", "lent"), "let": ("let", "let"),
    "lie": ("lay", "lain"), "light": ("lit", "lit"), "lose": ("lost", "lost"),
    "make": ("made", "made"), "mean": ("meant", "meant"), "meet": ("met", "met"),
    "pay": ("paid", "paid"), "put": ("put", "put"), "read": ("read", "read"),
    "ride": ("rode", "ridden"), "ring": ("rang", "rung"), "rise": ("rose", "risen"),
    "run": ("ran", "run"), "see": ("saw", "seen"), "seek": ("sought", "sought"),
    "sell": ("sold", "sold"), "send": ("sent", "sent"), "set": ("set", "set"),
    "shake": ("shook", "shaken"), "shine": ("shone", "shone"), "show": ("showed", "shown"),
    "shrink": ("shrank", "shrunk"), "shut": ("shut", "shut"), "sink": ("sank", "sunk"),
    "sit": ("sat", "sat"), "slide": ("slid", "slid"), "speak": ("spoke", "spoken"),
    "spend": ("spent", "spent"), "split": ("split", "split"), "spread": ("spread", "spread"),
    "spring": ("sprang", "sprung"), "stand": ("stood", "stood"), "steal": ("stole", "stolen"),
    "stick": ("stuck", "stuck"), "strike": ("struck", "struck"), "sweep": ("swept", "swept"),
    "swing": ("swung", "swung"), "take": ("took", "taken"), "tear": ("tore", "torn"),
    "tell": ("told", "told"), "think": ("thought", "thought"), "throw": ("threw", "thrown"),
    "understand": ("understood", "understood"), "wake": ("woke", "woken"),
    "wear": ("wore", "worn"), "win": ("won", "won"), "wind": ("wound", "wound"),
    "withstand": ("withstood", "withstood"), "write": ("wrote", "written"),
    "overwrite": ("overwrote", "overwritten"), "override": ("overrode", "overridden"),
    "reset": ("reset", "reset"), "wet": ("wetted", "wetted"), "earth": ("earthed", "earthed"),
}  # fmt: skip

_DOUBLING = bag(
    "stop trip drop fit plug slip clip tip tap rub jump-not step ship swap scrap lap strip snap "
    "map scan log tag regret control-not dim grip wrap pin knot cut set run shut put get begin "
    "sit split hit let swim win reset refit"
)


def third_person(base: str) -> str:
    """Present tense for he, she, it."""
    if base == "have":
        return "has"
    if base.endswith(("s", "x", "z", "ch", "sh", "o")):
        return base + "es"
    if base.endswith("y") and base[-2] not in "aeiou":
        return base[:-1] + "ies"
    return base + "s"


def past(base: str) -> tuple[str, str]:
    """Past tense and past participle."""
    if base in IRREGULAR:
        return IRREGULAR[base]
    if base.endswith("e"):
        form = base + "d"
    elif base.endswith("y") and base[-2] not in "aeiou":
        form = base[:-1] + "ied"
    elif base in _DOUBLING:
        form = base + base[-1] + "ed"
    else:
        form = base + "ed"
    return form, form


def gerund(base: str) -> str:
    """The form in -ing."""
    if base.endswith("ie"):
        return base[:-2] + "ying"
    if base.endswith("e") and not base.endswith(("ee", "oe", "ye")):
        return base[:-1] + "ing"
    return base + (base[-1] if base in _DOUBLING else "") + "ing"


VERBS = frozenset({*_REGULAR, *IRREGULAR, "have"} - {"be"})
THIRD = {third_person(base): base for base in sorted(VERBS)}
PARTICIPLES = {past(base)[1]: base for base in sorted(VERBS)}
GERUNDS = {gerund(base): base for base in sorted(VERBS)}
PAST = {past(base)[0]: base for base in sorted(VERBS)}


def is_verb_form(word: str) -> bool:
    """Whether a word is a finite form of a known verb or an auxiliary."""
    return word in AUXILIARIES or word in THIRD
