"""Which files are images, by their suffix or by their first bytes, and which of them are read.

The suffix decides, except that a JPEG or PNG under the suffix of an image that is not read is read:
phones export JPEGs that are called .heic. A TIFF is not: raw files of cameras begin as TIFFs do.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from pathlib import Path

__all__ = [
    "FORMATS",
    "NOT_REGULAR",
    "READ",
    "READ_SUFFIXES",
    "image_kind",
    "kind_of_bytes",
    "open_regular",
]

# A fixed list, because some of Pillow's other readers start programs (EPS) or read video. MPO is
# read as the JPEG that it starts with.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

READ = "read"
NOT_REGULAR = "not a regular file"

_HEIC = "Pillow does not read HEIC, save it as JPEG"
_RAW = "raw files of cameras are not read, save it as JPEG"


def _unread(name: str) -> str:
    return f"{name} is not read, save it as PNG or JPEG"


_SUFFIXES = {
    READ: (
        ".apng .avif .avifs .bmp .btf .gif .jfi .jfif .jif .jpe .jpeg .jpg .mpo .pbm .pfm .pgm "
        ".pjp .pjpeg .png .pnm .ppm .tf8 .tif .tiff .webp"
    ),
    _HEIC: ".heic .heics .heif .heifs .hif",
    _RAW: (
        ".3fr .ari .arw .bay .cr2 .cr3 .crw .dcr .dcs .dng .drf .eip .erf .fff .gpr .iiq .k25 "
        ".kdc .mdc .mef .mos .mrw .nef .nrw .orf .ori .pef .ptx .r3d .raf .raw .rw2 .rwl .rwz .sr2 "
        ".srf .srw .x3f"
    ),
} | {
    _unread(name): suffixes
    for name, suffixes in {
        "JPEG 2000": ".j2c .j2k .jp2 .jpc .jpf .jpm .jpx .jph .jhc",
        "JPEG XL": ".jxl",
        "JPEG XR": ".hdp .jxr .wdp",
        "JPEG-LS": ".jls",
        "Photoshop": ".psb .psd",
        "TGA": ".icb .tga .tpic .vda .vst",
        "EPS": ".eps .epsf .epsi .epi .ps",
        "PDF": ".pdf",
        "SVG": ".svg .svgz",
        "an Illustrator file": ".ai",
        "a GIMP image": ".gbr .xcf",
        "an OpenRaster image": ".kra .ora",
        "OpenEXR": ".exr",
        "Radiance HDR": ".hdr .rgbe",
        "DDS": ".dds",
        "an icon": ".cur .icns .ico",
        "PCX": ".dcx .pcc .pcx",
        "PICT": ".pct .pic .pict",
        "PAM": ".pam",
        "QOI": ".qoi",
        "SGI": ".bw .rgb .rgba .sgi",
        "Sun raster": ".ras .sun",
        "X bitmap": ".xbm",
        "X pixmap": ".xpm",
        "an X window dump": ".xwd",
        "a Windows metafile": ".emf .emz .wmf .wmz",
        "a device-independent bitmap": ".dib",
        "WBMP": ".wbmp",
        "a game texture": ".blp .ftc .ftu .vtf",
        "a film scan": ".cin .dpx",
        "DICOM": ".dcm .dicom",
        "FITS": ".fit .fits .fts",
        "a microscope file": ".czi .lif .lsm .mrxs .nd2 .ndpi .scn .svs .vsi",
        "DjVu": ".djv .djvu",
        "BPG": ".bpg",
        "FLIF": ".flif",
        "an image of another program": ".im .iim .msp .palm .pcd .pxr .fpx .wal",
        "an animation": ".flc .fli .mng",
        "a video": ".mpeg .mpg",
        "a data file": ".bufr .grib .h5 .hdf",
    }.items()
}
_KIND_OF_SUFFIX = {suffix: kind for kind, listed in _SUFFIXES.items() for suffix in listed.split()}
READ_SUFFIXES = frozenset(_SUFFIXES[READ].split())

_SIGNATURE_BYTES = 64
_TIFF = rb"II[*+]\0|MM\0[*+]"
_SIGNATURES = (
    (rb"\xff\xd8\xff", READ),
    (rb"\x89PNG\r\n\x1a\n", READ),
    (rb"GIF8[79]a", READ),
    (rb"RIFF....WEBP", READ),
    (_TIFF, READ),
    (rb"BM.{12}[\x0c(48@l|]\0\0\0", READ),
    (rb"P[1-6](?:\s|#[^\n]*\n)+\d+\s+\d+\s", READ),
    (rb"P[Ff]\s+\d+\s+\d+\s+-?[\d.]+\s", READ),
    (rb"....ftyp(?:....)*avi[fs]", READ),
    (rb"....ftypcrx ", _RAW),
    (rb"....ftyp(?:....)*(?:hei[cfmsx]|hev[cmsx]|mif1|msf1)", _HEIC),
    (rb"FUJIFILMCCD-RAW|IIU\0|IIRO|MMOR|\0MRM|FOVb", _RAW),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", _unread("JPEG 2000")),
    (rb"\0\0\0\x0cJXL |\xff\x0a", _unread("JPEG XL")),
    (rb"II\xbc", _unread("JPEG XR")),
    (rb"8BPS\0[\x01\x02]", _unread("Photoshop")),
    (rb"v/1\x01", _unread("OpenEXR")),
    (rb"#\?(?:RADIANCE|RGBE)", _unread("Radiance HDR")),
    (rb"DDS \x7c\0\0\0", _unread("DDS")),
    (rb"qoif", _unread("QOI")),
    (rb"gimp xcf", _unread("a GIMP image")),
    (rb"P7\nWIDTH", _unread("PAM")),
    (rb"%!PS-Adobe-[\d.]+ EPSF|\xc5\xd0\xd3\xc6", _unread("EPS")),
    (rb"\s*(?:<\?xml[^>]*>\s*)?<svg", _unread("SVG")),
)
_SIGNATURE_OF = [(re.compile(pattern, re.DOTALL), kind) for pattern, kind in _SIGNATURES]


def image_kind(path: Path) -> str | None:
    """Say whether a file is an image that is read, by its suffix or by its first bytes.

    Only a regular file without the suffix of an image that is read is opened, for 64 bytes.

    Args:
        path: a file, link, pipe, device or anything else in a folder.

    Returns:
        ``READ``; for an image that is not read, the reason why; None if it is no image.
    """
    by_suffix = _KIND_OF_SUFFIX.get(path.suffix.lower())
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return by_suffix and NOT_REGULAR
        if by_suffix == READ:
            return READ
        with open_regular(path) as file:
            start = file.read(_SIGNATURE_BYTES)
        by_bytes = kind_of_bytes(start)
        misnamed = by_bytes == READ and not re.match(_TIFF, start)
        return READ if misnamed else by_suffix or by_bytes
    except OSError:  # a file that is called an image and cannot be opened: reading it says why
        return by_suffix


def kind_of_bytes(start: bytes) -> str | None:
    """Return what `image_kind` returns, from a file's first 64 bytes alone."""
    return next((kind for pattern, kind in _SIGNATURE_OF if pattern.match(start)), None)


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file for reading, and never wait for what another program sends.

    Raises:
        OSError: the file cannot be opened, or it is a pipe, socket, device or folder; ``errno`` is
            set.
    """
    # Asked before it is opened, because opening alone makes some devices act.
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, NOT_REGULAR, str(path))
    file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115  # the caller closes it
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # replaced in between
        file.close()
        raise OSError(errno.EINVAL, NOT_REGULAR, str(path))
    return file


def _without_waiting(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))  # not on Windows
