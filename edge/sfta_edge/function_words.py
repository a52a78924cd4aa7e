"""Words that carry the grammar of English and German sentences, by what they do."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FILLERS = _words(
    """
    a about again all already also am an and another any are as at be because been being
    between both but by can could d did do does doing done each either else etc even ever every
    for from get gets given go goes had has have having he her here hers him his how however i
    if in into is it its itself just ll let made make makes making may me might must my of off
    on once one ones only or other others our out own per please re same shall she should since
    so some such than that the their theirs them then there therefore these they this those
    though through thus to too until up upon us use used uses using ve very via was we were
    what when where whether which while who whom whose why will with within would yes you your
    yours s t need needs needed according answer document documents manual page section states
    says said means mean called refers shown given following namely thereby

    ab aber als also am an andere anderen anderer anderes auch auf aus bei beim bereits bin bis
    bist bitte da dabei dadurch dafur daher damit danach dann daran darauf darf darin das dass
    davon dazu dem den denn der deren des dessen die dies diese diesem diesen dieser dieses
    doch dort du durch durfen eben ein eine einem einen einer eines er es etwa euch fur gegen
    gibt hat hatte haben ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in indem ins ist ja je
    jede jedem jeden jeder jedes jedoch kann konnen lassen lasst laut mal man mit muss mussen
    nein noch nun nur ob oder ohnehin pro schon sein seine seinem seinen seiner sein sich sie
    sind sobald so sofern sogar soll sollen sollte sondern sowie uber um und uns unter von vom
    wann warum was weil welche welchem welchen welcher welches wenn wer werden wie wir wird wo
    wobei wodurch worden wurde wurden zu zum zur zwar zwischen antwort dokument handbuch seite
    abschnitt bedeutet heisst verwendet werde
    """
)
"""Say nothing that could be wrong by itself."""

NEGATING_CLAUSE = _words("not never cannot nicht nie niemals")
"""Turn round all that their clause says, before them and behind."""

NEGATING_REST = _words(
    "no none neither nor nothing without nobody kein keine keinem keinen keiner keines keinerlei"
    " ohne weder nichts niemand"
)
"""Turn round what follows them in their clause."""

BREAKS = _words(
    "until if when while because since that which but unless so whereas although before after"
    " bis wenn falls weil da damit dass sobald aber sondern jedoch obwohl bevor nachdem"
)
"""Begin a clause."""

CLASSES = {
    word: name
    for name, words in {
        "@above": "above exceeds exceed exceeding oberhalb uberschreitet ubersteigt",
        "@below": "below beneath unterhalb unterschreitet",
        "@most": "most maximum max maximal hochstens longest",
        "@least": "least minimum minimal mindestens wenigstens",
        "@before": "before vor bevor",
        "@after": "after nach nachdem",
    }.items()
    for word in words.split()
}
"""Words that set a bound, or an order in time."""

BEFORE_NUMBERS = {
    word: name
    for name, words in {
        "@above": "over more greater higher longer larger uber mehr grosser hoher langer",
        "@below": "under less fewer lower shorter smaller thinner unter weniger kleiner niedriger",
    }.items()
    for word in words.split()
}
"""Set a bound if a number follows, with or without ``than`` or ``als`` between."""

ENDINGS = frozenset({""}) | _words(
    "s es e ed d ing ly y ies ied er en n em st t te ten tet ung ungen ion ions nd r"
)
"""What inflection puts behind the stem of a word."""

TELLTALES = {
    ",": _words(
        "der die das den dem des und ist sind wird nicht mit von bei ein eine auf im oder"
    ),
    ".": _words("the and is are of to with not for at by an or this from be must"),
}
"""Frequent words of languages by the sign they write before decimals."""
