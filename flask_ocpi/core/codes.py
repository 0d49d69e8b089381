"""ISO codes that OCPI refers to; compared only when OCPI_STRICT_CODES asks for it."""

from __future__ import annotations

#: ISO 3166-1 alpha-2 to alpha-3.
ALPHA3_OF = {
    pair[:2]: pair[2:]
    for pair in """
ADAND AEARE AFAFG AGATG AIAIA ALALB AMARM AOAGO AQATA ARARG ASASM ATAUT AUAUS AWABW AXALA AZAZE BABIH BBBRB
BDBGD BEBEL BFBFA BGBGR BHBHR BIBDI BJBEN BLBLM BMBMU BNBRN BOBOL BQBES BRBRA BSBHS BTBTN BVBVT BWBWA BYBLR
BZBLZ CACAN CCCCK CDCOD CFCAF CGCOG CHCHE CICIV CKCOK CLCHL CMCMR CNCHN COCOL CRCRI CUCUB CVCPV CWCUW CXCXR
CYCYP CZCZE DEDEU DJDJI DKDNK DMDMA DODOM DZDZA ECECU EEEST EGEGY EHESH ERERI ESESP ETETH FIFIN FJFJI FKFLK
FMFSM FOFRO FRFRA GAGAB GBGBR GDGRD GEGEO GFGUF GGGGY GHGHA GIGIB GLGRL GMGMB GNGIN GPGLP GQGNQ GRGRC GSSGS
GTGTM GUGUM GWGNB GYGUY HKHKG HMHMD HNHND HRHRV HTHTI HUHUN IDIDN IEIRL ILISR IMIMN ININD IOIOT IQIRQ IRIRN
ISISL ITITA JEJEY JMJAM JOJOR JPJPN KEKEN KGKGZ KHKHM KIKIR KMCOM KNKNA KPPRK KRKOR KWKWT KYCYM KZKAZ LALAO
LBLBN LCLCA LILIE LKLKA LRLBR LSLSO LTLTU LULUX LVLVA LYLBY MAMAR MCMCO MDMDA MEMNE MFMAF MGMDG MHMHL MKMKD
MLMLI MMMMR MNMNG MOMAC MPMNP MQMTQ MRMRT MSMSR MTMLT MUMUS MVMDV MWMWI MXMEX MYMYS MZMOZ NANAM NCNCL NENER
NFNFK NGNGA NINIC NLNLD NONOR NPNPL NRNRU NUNIU NZNZL OMOMN PAPAN PEPER PFPYF PGPNG PHPHL PKPAK PLPOL PMSPM
PNPCN PRPRI PSPSE PTPRT PWPLW PYPRY QAQAT REREU ROROU RSSRB RURUS RWRWA SASAU SBSLB SCSYC SDSDN SESWE SGSGP
SHSHN SISVN SJSJM SKSVK SLSLE SMSMR SNSEN SOSOM SRSUR SSSSD STSTP SVSLV SXSXM SYSYR SZSWZ TCTCA TDTCD TFATF
TGTGO THTHA TJTJK TKTKL TLTLS TMTKM TNTUN TOTON TRTUR TTTTO TVTUV TWTWN TZTZA UAUKR UGUGA UMUMI USUSA UYURY
UZUZB VAVAT VCVCT VEVEN VGVGB VIVIR VNVNM VUVUT WFWLF WSWSM YEYEM YTMYT ZAZAF ZMZMB ZWZWE
    """.split()
}
COUNTRIES_ALPHA2 = frozenset(ALPHA3_OF)
COUNTRIES_ALPHA3 = frozenset(ALPHA3_OF.values())

#: Alpha-3 codes of countries that feeds spell out: English names, and the country's own where charging is common.
COUNTRY_NAMES = {
    name.replace("_", " "): code
    for code, *names in map(
        str.split,
        """
ALB albania shqipëria|AND andorra|AUT austria österreich|BEL belgium belgië belgique belgien|BGR bulgaria българия
BIH bosnia_and_herzegovina|CHE switzerland schweiz suisse svizzera|CYP cyprus|CZE czechia czech_republic česko
DEU germany deutschland|DNK denmark danmark|ESP spain españa|EST estonia eesti|FIN finland suomi|FRA france
GBR united_kingdom great_britain england uk|GRC greece ελλάδα|HRV croatia hrvatska|HUN hungary magyarország
IRL ireland éire|ISL iceland ísland|ITA italy italia|LIE liechtenstein|LTU lithuania lietuva
LUX luxembourg luxemburg|LVA latvia latvija|MCO monaco|MDA moldova|MKD north_macedonia|MLT malta
MNE montenegro crna_gora|NLD netherlands the_netherlands nederland holland|NOR norway norge|POL poland polska
PRT portugal|ROU romania românia|SMR san_marino|SRB serbia srbija|SVK slovakia slovensko|SVN slovenia slovenija
SWE sweden sverige|TUR turkey türkiye|UKR ukraine україна|ARE united_arab_emirates|AUS australia|BRA brazil brasil
CAN canada|CHL chile|CHN china|IDN indonesia|IND india|ISR israel|JPN japan|KOR south_korea|MAR morocco maroc
MEX mexico méxico|MYS malaysia|NZL new_zealand|SAU saudi_arabia|SGP singapore|THA thailand|USA united_states usa
ZAF south_africa
""".replace("\n", "|")
        .strip("|")
        .split("|"),
    )
    for name in names
}

# ISO 4217
CURRENCIES = frozenset(
    """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD
CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL
GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW
KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD
NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP
SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS
VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA XXX YER
ZAR ZMW ZWG
    """.split()
)

# ISO 639-1
LANGUAGES = frozenset(
    """
aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv
dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie
ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv
mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm
rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr
ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
    """.split()
)
