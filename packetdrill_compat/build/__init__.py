"""From grammar to values: the methods that the parser calls for each rule, one module for each part of the language.

Every method takes the values of the parts of its rule, in order, without keywords and punctuation. The semantic checks
of the language specification, section 1.4, are made here.
"""
