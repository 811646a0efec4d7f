"""What a score may be used for and where models are known to fail, in few words.

The long form is docs/model-card.md. Every report begins with `TEXT`.
"""

TEXT = (
    "Known limits: models trained on scanned film are wrong on digital mammograms, "
    "and the other way round, until fine-tuned. Images with implants, and "
    "magnification or spot views: do not use their scores. On the official split of "
    "CBIS-DDSM the AUC is lower than on the random split of the paper (published "
    "weights: 0.69 to 0.75 against 0.83 to 0.86). Cancers are far more frequent in "
    "training than in screening. The published weights are under CC BY-NC-SA 4.0: no "
    "commercial use. More in docs/model-card.md.")
