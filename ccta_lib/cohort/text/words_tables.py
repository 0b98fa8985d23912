"""Headings of the columns of a table of findings, and what stands in a cell for none."""

from __future__ import annotations

import re

STENOSIS = re.compile(
    r"(?:max(?:imum|imal|\.)? |worst |overall |diameter |luminal |lumen |degree of |grade of |severity of |"
    r"severity|"
    r"extent of |estimated |%|percent |percentage |coronary |luminal |in-stent |管腔|最大|最重|冠脉|血管|"
    r"最窄处){0,3} ?"
    r"(?:stenos[ie]s|narrowing|obstruction|diameter reduction|lumen|luminal loss|reduction|occlusion|"
    r"degree|grade|"
    r"severity|%|ds|狭窄(?:程度|率|度|情况)?|程度|管腔(?:情况)?|严重程度|狭窄分级|分级|结论)"
    r"(?: ?(?:severity|grade|degree|range|category|%|[(\[][^)\]]{0,12}[)\]]|\(|\)|percent))*"
)
SEGMENT = re.compile(
    r"(?:ost(?:ial|ium)?|prox(?:imal|\.)?|mid(?:dle)?|dist(?:al|\.)?|p|m|d|[近中远](?:段|端|侧|中段|1/3)?|"
    r"开口|"
    r"起始段|末段)(?: (?:segment|third|part|1/3))?(?: ?\(?%\)?)?"
)
PLAQUE = re.compile(
    r"(?:plaque|calcification|calcium|calcified|斑块|钙化)[^|]{0,14}|composition|(?:plaque )?(?:type|"
    r"morphology)|"
    r"(?:斑块)?(?:性质|类型|成分)|stents?|支架"
)
VESSEL = re.compile(r"(?:coronary )?(?:vessels?|arter(?:y|ies)|segments?|location|site|branch|name)|"
                     r"(?:冠脉|冠状动脉)?(?:血管|动脉|部位|分支|节段|名称|位置|血管名称)|冠脉|血管段|"
                     r"项目")  # fmt: skip
OTHER = re.compile(r"comments?|remarks?|notes?|(?:image )?quality|length|reference|hrp|features?|dominance|"
                   r"no\.?|#|"
                    r"cad-?rads|impression|findings?|description|"
                    r"备注|其他|说明|图像质量|长度|易损特征|特征|序号|描述|表现|所见")  # fmt: skip
NONE = re.compile(r"(?:none|nil|no|absent|negative|neg\.?|无|没有|未见|阴性|否|\(-\)|-{1,3}|0|nil\.|no\.)")
