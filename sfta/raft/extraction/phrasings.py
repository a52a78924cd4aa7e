"""The wordings of questions. Each has an id, so that its use can be counted and capped.

Fields in braces are a fact's slots; a wording whose slots a fact lacks is not offered. A field
that begins with a capital is spelled with one. Styles: full question, request, terse query as
typed into a search box, and the way people talk at the machine.
"""

import re

from sfta.raft.extraction.facts import Fact
from sfta.raft.extraction.nouns import lower_first, upper_first

_FIELD = re.compile(r"\{(\w+)\}")
_MAY_BE_EMPTY = frozenset({"the"})

BANKS: dict[str, tuple[str, ...]] = {
    "definition": (
        "What {be} {subject}?", "What {be} {subject}?", "Explain what {subject} {be}.",
        "How is {subject} defined?", "What is meant by {subject}?", "{Subject}: what is that?",
        "Can you tell me what {subject} {be}?", "What does {subject} mean?",
        "define {bare}", "Somebody asked me what {subject} {be}. What do I say?",
        "What exactly {be} {subject}?",
    ),
    "naming": (
        "What do you call {description}?", "What is the name for {description}?",
        "Which term means {description}?", "How is {description} called?",
        "What is {description} called?", "term for {description}?",
    ),
    "value": (
        "What {be} {subject}?", "What {be} {subject}?", "Tell me {subject}.",
        "Can you give me {subject}?", "I need {subject}.", "{Subject}?",
        "How {big} {be} {subject}?", "{bare}?", "What value {has} {subject}?",
        "Please look up {subject}.", "What do the manuals say {subject} {be}?",
        "Which value is given for {subject}?",
    ),
    "wh": (
        "{Wh} {inverted}?", "{Wh} {inverted}?", "{Wh} {inverted}?", "Tell me {wh} {declared}.",
        "Can you tell me {wh} {declared}?", "I need to know {wh} {declared}.",
        "Do you know {wh} {declared}?", "{Declared} {wh}?", "{wh} {inverted}",
        "Please find out {wh} {declared}.", "Quick question: {wh} {inverted}?",
        "I want to know {wh} {declared}.",
    ),
    "subject": (
        "{Who} {predicate}?", "{Who} {predicate}?", "Tell me {who} {predicate}.",
        "Can you say {who} {predicate}?", "{who} {predicate}", "Do you know {who} {predicate}?",
        "I would like to know {who} {predicate}.",
    ),
    "function": (
        "What does {subject} do?", "What is {subject} for?", "What is the job of {subject}?",
        "What is the purpose of {subject}?", "{Subject}: what does it do?",
        "Tell me what {subject} does.", "What is the task of {subject}?", "{bare} function",
        "Why is {subject} there?", "What do I need {subject} for?",
    ),
    "why": (
        "Why {inverted}?", "Why {inverted}?", "Why {inverted}?",
        "What is the reason that {declared}?", "For what reason {inverted}?",
        "Explain why {declared}.", "Can you tell me why {declared}?", "why {inverted}",
        "I don't understand why {declared}. What is the reason?", "How come {declared}?",
    ),
    "why_not": (
        "Why must I {never} {action}?", "Why is it wrong to {action}?",
        "What is the danger if I {action}?", "Why should nobody {action}?",
        "What happens if I {action}?", "Is there a reason not to {action}?",
        "My colleague wants to {action}. Why is that wrong?",
    ),
    "condition_action": (
        "What should I do if {condition}?", "What do I do when {condition}?",
        "What must be done if {condition}?", "{Condition}. What now?",
        "{Condition} - what do I do?", "How should I react if {condition}?",
        "What is the right action if {condition}?", "What to do if {condition}?",
        "What does the manual tell me to do if {condition}?", "{Condition}, what next?",
    ),
    "condition_result": (
        "What happens if {condition}?", "What happens when {condition}?",
        "What is the result if {condition}?", "What follows if {condition}?",
        "{Condition}. What happens then?", "{Condition} - what does that lead to?",
        "What can I expect if {condition}?", "Suppose {condition}: what happens?",
    ),
    "condition_meaning": (
        "What does it mean if {condition}?", "What does it mean when {condition}?",
        "{Condition}. What does that tell me?", "{Condition} - what is the cause?",
        "What is the likely cause if {condition}?", "What can I conclude if {condition}?",
        "Why might it be that {condition}?",
    ),
    "sign": (
        "What {does} {subject} point to?", "What is the likely cause of {subject}?",
        "{Subject}: what could be the reason?", "What {does} {subject} tell me?",
        "I notice {subject}. What does that mean?", "What {does} {subject} mean?",
        "How do I interpret {subject}?", "{bare} - cause?",
    ),
    "reading": (
        "What {does} {subject} mean?", "How do I interpret {subject}?",
        "I notice {subject}. What does that mean?", "What {does} {subject} tell me?",
        "{Subject}: what does that mean?", "{bare} meaning", "How should I read {subject}?",
    ),
    "how": (
        "How {inverted}?", "How {inverted}?", "Tell me how {declared}.", "how {inverted}",
        "In what way {inverted}?", "Can you explain how {declared}?",
        "I need to know how {declared}.",
    ),
    "torque": (
        "What torque is specified for {thing}?", "How tight do I make {thing}?",
        "What is the tightening torque of {thing}?", "Which torque applies to {thing}?",
        "torque {bare}?", "{bare} torque", "To what torque must {thing} be tightened?",
        "How much torque do I put on {thing}?", "What do I set the torque wrench to for {thing}?",
        "Tell me the torque for {thing}.", "How hard should {thing} be tightened?",
        "Tightening torque for {thing}?", "How many newton metres for {thing}?",
    ),
    "maximum": (
        "What is the highest permitted {bare}?", "How high may {subject} be at most?",
        "What must {subject} not exceed?", "What is the upper limit of {subject}?",
        "maximum {bare}?", "Up to which value is {subject} allowed?",
        "Tell me the limit for {subject}.",
    ),
    "say": (
        "What do I have to {verb}?", "What must I {verb}?", "What should I {verb}?",
        "Tell me what I must {verb}.", "what do I {verb}",
    ),
    "mass": (
        "How much {does} {thing} weigh?", "What is the mass of {thing}?",
        "weight of {thing}?", "How heavy {be} {thing}?", "{bare} weight in kg",
        "I have to lift {thing}. How heavy {be} {pronoun}?", "Tell me the mass of {thing}.",
    ),
    "code_meaning": (
        "What does {key} mean?", "What does {noun} {key} mean?", "{key} - what is that?",
        "The display shows {key}. What does it mean?", "meaning of {key}?",
        "What is wrong when {key} appears?", "Explain {noun} {key}.", "{key} meaning",
        "I have {key} on the screen. What is the problem?", "What does {key} stand for?",
        "We got {key} this morning. What does that say?", "Why would {key} come up?",
    ),
    "code_action": (
        "What do I do about {key}?", "What should I check when {key} appears?",
        "How do I clear {key}?", "{key} - what now?", "What is the action for {key}?",
        "The package shows {key}. What must I do?", "What is the remedy for {noun} {key}?",
        "{key} remedy", "What helps against {key}?", "Which action does {noun} {key} call for?",
        "We have {key} again, what has to be done?", "How do I react to {noun} {key}?",
    ),
    "code_of": (
        "Which code means: {meaning}?", "Which code is shown for: {meaning}?",
        'What is the code for "{meaning}"?', 'Which {noun} stands for "{meaning}"?',
        "{meaning} - which code is that?", "What code appears in this case: {meaning}?",
        'Under which code do I find "{meaning}"?',
    ),
    "part_number": (
        "What is the part number of {thing}?", "Part number for {thing}?",
        "Which number do I order for {thing}?", "I need to order {thing}. What is the number?",
        "What is the order number of {thing}?", "{bare} part number", "spare part no. {bare}",
        "Under which number do I get {thing}?", "Tell me the part number of {thing}.",
        "How do I order {thing} - what number?",
    ),
    "part_of_number": (
        "Which part has the number {key}?", "What is {key}?", "What do I get under {key}?",
        "{key} - which part is that?", "The box says {key}. What is inside?",
        "What part is {key}?", "part {key}?", "What does part number {key} stand for?",
    ),
    "cell": (
        "What {be} the {header} of {key}?", "What {be} the {header} for {key}?",
        "What {header} does the manual give for {key}?", "{key}: {header}?",
        "Tell me the {header} for {key}.", "Which {header} applies to {key}?",
        "I need the {header} of {key}.", "{header} {key}", "Please look up the {header} for {key}.",
        "What does the manual say about the {header} of {key}?",
    ),
    "cell_verb": (
        "What does {key} {verb}?", "{Key}: what does it {verb}?",
        "Tell me what {key} is there to {verb}.", "Can you tell me what {key} has to {verb}?",
        "What is it that {key} has to {verb}?",
    ),
    "cell_loose": (
        "{Key}: {header}?", "What does the table say about {key}?",
        "What is stated for {key}?", "{key} - {header}", "What do I find under {key}?",
        "Tell me what the manual says on {key}.",
    ),
    "cell_value": (
        "What is the value of {key}?", "What is {the} {key}?", "How {big} is {the} {key}?",
        "{Key}?", "Tell me {the} {key}.", "What does the data sheet say about {the} {key}?",
        "I need {the} {key}.", "What value is stated for {the} {key}?",
    ),
    "cell_limit": (
        "At what value is the {header} for {the} {key}?",
        "What is the {header} limit of {the} {key}?",
        "Where is the {header} limit for {the} {key}?", "{key}: {header} limit?",
        "When does {the} {key} cause a {header}?", "From which {key} on is there a {header}?",
        "{header} limit {key}", "Tell me the {header} limit for {key}.",
    ),
    "cell_range": (
        "What is the {header} of {the} {key}?", "Between which values is {the} {key} normal?",
        "Which {key} is normal?", "What {key} should I see in normal operation?",
        "{key} {header}", "Tell me the {header} of {key}.", "What is a healthy {key}?",
    ),
    "cell_setting": (
        "What is {the} {key} set to at the factory?", "What is the factory setting of {the} {key}?",
        "Default value of {the} {key}?", "{key} default", "On delivery, what is {the} {key}?",
        "To what is {the} {key} set on delivery?", "How does {the} {key} come from the factory?",
    ),
    "cell_adjust": (
        "In what range can {the} {key} be set?", "What is the setting range of {the} {key}?",
        "What can {the} {key} be changed to?", "{key} setting range",
        "Between which limits may I set {the} {key}?", "How far can I adjust {the} {key}?",
    ),
    "cell_purpose": (
        "What is {key} for?", "What is {key} used for?", "What does {key} do?",
        "What is the purpose of {key}?", "{key} - what is it for?", "What do I need {key} for?",
        "Tell me what {key} is used for.", "Explain the use of {key}.",
    ),
    "cell_name": (
        "What is {key}?", "What does {key} stand for?", "What is the name of {key}?",
        "{key} - what is that?", "Which device is {key}?", "What kind of device is {key}?",
    ),
    "cell_position": (
        "Where is {the} {key}?", "Where do I find {the} {key}?", "Where is {the} {key} fitted?",
        "{key} position", "At which place is {the} {key}?", "Tell me where {the} {key} is.",
    ),
    "interval_work": (
        "What work is due {interval}?", "What has to be done {interval}?",
        "Which maintenance comes up {interval}?", "What do I service {interval}?",
        "{Interval}: what work is due?", "Which jobs are planned {interval}?",
    ),
    "work_interval": (
        "How often do I have to {work}?", "At what interval must I {work}?",
        "When is it time to {work}?", "How often must we {work}?",
        "What is the interval for this work: {work}?", "After how many hours do I {work}?",
        "{work} - how often?", "When do I {work}?",
    ),
    "equipment": (
        "What protective equipment do I need for {key}?", "What must I wear for {key}?",
        "Which protective gear is required for {key}?", "{key}: what do I put on?",
        "What do I wear during {key}?", "PPE for {key}?",
    ),
    "step_next": (
        "{Topic}: what do I do after {doing}?", "What comes after {doing} {during}?",
        "What is the next step after {doing} {during}?", "What follows {doing} {during}?",
        "I have finished {doing} {during}. What is next?",
        '{Topic}: what is the step after "{step}"?',
    ),
    "step_before": (
        "{Topic}: what must be done before {doing}?",
        "Which step comes right before {doing} {during}?",
        "What do I have to do before {doing} {during}?",
        '{Topic}: which step stands before "{step}"?',
    ),
    "step_first": (
        "What is the first step {during}?", "How do I begin {during}?",
        "What do I do first {during}?", "{Topic} - where do I start?",
        "What comes first {during}?", "first step {during}?",
    ),
    "step_last": (
        "What is the last step {during}?", "What do I do at the end {during}?",
        "{Topic}: what is the final step?", "What is left to do at the very end {during}?",
    ),
    "step_number": (
        "What is step {number} {during}?", "{Topic}, step {number}: what do I do?",
        "Tell me step {number} {during}.", "What does step {number} say {during}?",
    ),
    "reference": (
        "Where is it described how {declared}?", "Where do I find out how {declared}?",
        "Which manual and section explain how {declared}?", "Where can I read how {declared}?",
    ),
    "reference_to": (
        "Where is {subject} described?", "Where do I find {subject}?",
        "Which manual and section hold {subject}?", "Where can I look up {subject}?",
    ),
}  # fmt: skip


def wordings(item: Fact) -> list[tuple[str, str, int]]:
    """Template id, question and weight of every wording that a fact can fill.

    A wording that stands twice in its bank weighs twice.
    """
    slots, bank = dict(item.slots), BANKS[item.kind]
    found: list[tuple[str, str, int]] = []
    for number, template in enumerate(bank):
        names = [name[0].lower() + name[1:] for name in _FIELD.findall(template)]
        filled = all(slots.get(name) or name in _MAY_BE_EMPTY for name in names)
        if filled and template not in bank[:number]:
            question = _FIELD.sub(lambda match: _fill(match[1], slots), template)
            about = slots.get("about", "")
            asked = _with_topic(tidy(question), about, number) if about else tidy(question)
            found.append((f"{item.kind}/{number}", asked, bank.count(template)))
    return found


def _with_topic(question: str, about: str, number: int) -> str:
    """Say which part of the manuals a question is about, before or after it."""
    if number % 2 or not question.endswith("?"):
        return f"{upper_first(about)}: {lower_first(question)}"
    return f"{question[:-1]} ({lower_first(about)})?"


def _fill(name: str, slots: dict[str, str]) -> str:
    if name[0].isupper():
        return upper_first(slots[name[0].lower() + name[1:]])
    return slots.get(name, "")


def tidy(question: str) -> str:
    """One space between words, no space before punctuation, a capital where one is due."""
    text = " ".join(question.split())
    text = re.sub(r"\s+([?.,;:])", r"\1", text)
    return re.sub(r"[.,;:]+\?$", "?", text)
