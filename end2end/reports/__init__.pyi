from . import capture_pictures as capture_pictures
from . import case_pictures as case_pictures
from . import dicom_results as dicom_results
from . import figures as figures
from . import operating as operating
from . import prediction_pictures as prediction_pictures
from . import report as report
from . import score_report as score_report
from . import score_tables as score_tables
from . import views as views

__all__ = [
    "capture_pictures",
    "case_pictures",
    "dicom_results",
    "figures",
    "operating",
    "prediction_pictures",
    "report",
    "score_report",
    "score_tables",
    "views",
]
