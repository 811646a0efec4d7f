"""Items of CLAIM 2024 and TRIPOD+AI: numbers, titles in our words, and the facts that
answer them.

Tejani AS et al. Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024
update. Radiology: Artificial Intelligence 6, e240300 (2024). Collins GS et al.
TRIPOD+AI statement. BMJ 385, e078378 (2024). The wording of the items is in the
originals, which a submission needs; the numbers here were written from memory of them.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Item:
    """One item of a checklist.

    Attributes:
        number: of the original.
        title: in our own words.
        facts: names of facts of which it needs all.
    """

    number: str
    title: str
    facts: tuple[str, ...]


def _items(text: str) -> tuple[Item, ...]:
    """Rows `number | title | facts` of a table."""
    rows = (line.split("|") for line in text.strip().splitlines())
    return tuple(Item(number.strip(), title.strip(), tuple(facts.split()))
                 for number, title, facts in rows)


CLAIM = _items("""
1 | title names the kind of method | title
2 | summary | abstract
3 | background | background
4 | aims | objectives
5 | prospective or retrospective | design
6 | goal of the study | task
7 | where the data come from | training_data test_set
8 | who was included, when and where | eligibility dates
9 | preparation of the images | preprocessing
10 | parts of images that were chosen | preprocessing augmentation
11 | removal of identity | identifiers
12 | missing data | missing
13 | how images were acquired | acquisition
14 | definition of the truth | reference
15 | why this truth | reference
16 | who annotated | annotators
17 | annotation of the test set | annotators reference
18 | agreement of annotators | variability
19 | division into parts | split
20 | level at which the parts are apart | disjoint
21 | number of cases intended | sample_size
22 | the model | network output
23 | software | software
24 | starting weights | initialization
25 | training | training epochs augmentation
26 | choice of the final model | selection
27 | models combined | ensemble
28 | measures of performance | measures
29 | uncertainty and significance | uncertainty
30 | robustness | subgroups external
31 | explanation of single scores | explanation
32 | test on data of the same source | test_set
33 | test on data from elsewhere | external
34 | registration | registration
35 | flow of cases | flow
36 | who the women are | demographics
37 | performance, all parts | performance rates
38 | accuracy with intervals, against readers | performance readers
39 | wrong cases | failures
40 | limits of the study | limitations
41 | meaning for practice | implications
42 | protocol | protocol
43 | access to software, model and data | code_access data_access
44 | funding | funding
""")
TRIPOD_AI = _items("""
1 | title | title
2 | summary | abstract
3a | health context | background
3b | people and purpose | use implications
3c | known inequalities | fairness
4 | aims | objectives
5a | sources of the data | training_data test_set
5b | dates | dates
6a | setting | design
6b | eligibility | eligibility
6c | treatments | treatment
7 | preparation of the data | preprocessing
8a | outcome | reference
8b | who judged the outcome | annotators
8c | blinding of the outcome | blinding
9a | choice of predictors | preprocessing
9b | definition of predictors | preprocessing
9c | who judged predictors | annotators
10 | number of cases | sample_size
11 | missing data | missing
12a | use of the data, parts | split
12b | handling of predictors | preprocessing
12c | kind of model, training, choice | network training selection
12d | differences between clusters | heterogeneity
12e | measures | measures
12f | updating of the model | updating
12g | how scores are computed | output
13 | class imbalance | imbalance
14 | fairness in the methods | fairness
15 | output and thresholds | output thresholds
16 | differences of training and test data | training_data test_set
17 | ethics | ethics
18a | funding | funding
18b | conflicts | conflicts
18c | protocol | protocol
18d | registration | registration
18e | access to data | data_access
18f | access to code | code_access
19 | patients' part in it | involvement
20a | flow of participants | flow
20b | who they are | demographics
20c | comparison with the training data | demographics
21 | cases and outcomes of each analysis | test_set
22 | the whole model | network code_access
23a | performance with intervals | performance calibration
23b | differences between clusters | external subgroups
24 | results of updating | updating calibration
25 | interpretation, fairness | interpretation fairness
26 | limits | limitations
27a | use with poor or missing input | limitations
27b | what users must do and know | use
27c | next steps | implications
""")
CHECKLISTS = {"CLAIM 2024": CLAIM, "TRIPOD+AI": TRIPOD_AI}
