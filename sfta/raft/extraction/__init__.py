"""Questions and answers by rules over sentences, tables and procedures; no model.

``blocks`` cuts a chunk into sentences, steps and table rows; ``clauses`` finds subject and
verb; the ``*_facts`` modules recognise what is stated; ``phrasings`` words the questions.
"""
