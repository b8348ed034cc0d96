"""Pages for people: the report, the instruction, the agreement's check, the certificate of erasure, the mapping, the sample side by side.

Each is a pure function from values to the text of one self-contained HTML file: no script, nothing loaded from elsewhere, its own style, readable on a
phone, on paper and by a screen reader (RGAA 4.1). They decide how things look; what is said is the subject's, and where a page is written is the
caller's, who must give a page that holds patients' values (`sample_page`) to nobody but the target laboratory.

Nothing is imported here: the console uses some of them, and must not reach what a sample is made of.
"""
