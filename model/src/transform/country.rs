//! Countries: their two letters, three letters (ISO 3166-1) and English names.

use std::borrow::Cow;

use crate::letter::{is_mark, taken_apart};

/// One a line, in the order of their two letters. As one text, because the browser loads it: a table would be twice as large.
const COUNTRIES: &str = "\
AD AND Andorra\n\
AE ARE United Arab Emirates\n\
AF AFG Afghanistan\n\
AG ATG Antigua and Barbuda\n\
AI AIA Anguilla\n\
AL ALB Albania\n\
AM ARM Armenia\n\
AO AGO Angola\n\
AQ ATA Antarctica\n\
AR ARG Argentina\n\
AS ASM American Samoa\n\
AT AUT Austria\n\
AU AUS Australia\n\
AW ABW Aruba\n\
AX ALA Åland Islands\n\
AZ AZE Azerbaijan\n\
BA BIH Bosnia and Herzegovina\n\
BB BRB Barbados\n\
BD BGD Bangladesh\n\
BE BEL Belgium\n\
BF BFA Burkina Faso\n\
BG BGR Bulgaria\n\
BH BHR Bahrain\n\
BI BDI Burundi\n\
BJ BEN Benin\n\
BL BLM Saint Barthélemy\n\
BM BMU Bermuda\n\
BN BRN Brunei\n\
BO BOL Bolivia\n\
BQ BES Caribbean Netherlands\n\
BR BRA Brazil\n\
BS BHS Bahamas\n\
BT BTN Bhutan\n\
BV BVT Bouvet Island\n\
BW BWA Botswana\n\
BY BLR Belarus\n\
BZ BLZ Belize\n\
CA CAN Canada\n\
CC CCK Cocos Islands\n\
CD COD DR Congo\n\
CF CAF Central African Republic\n\
CG COG Congo\n\
CH CHE Switzerland\n\
CI CIV Côte d’Ivoire\n\
CK COK Cook Islands\n\
CL CHL Chile\n\
CM CMR Cameroon\n\
CN CHN China\n\
CO COL Colombia\n\
CR CRI Costa Rica\n\
CU CUB Cuba\n\
CV CPV Cabo Verde\n\
CW CUW Curaçao\n\
CX CXR Christmas Island\n\
CY CYP Cyprus\n\
CZ CZE Czechia\n\
DE DEU Germany\n\
DJ DJI Djibouti\n\
DK DNK Denmark\n\
DM DMA Dominica\n\
DO DOM Dominican Republic\n\
DZ DZA Algeria\n\
EC ECU Ecuador\n\
EE EST Estonia\n\
EG EGY Egypt\n\
EH ESH Western Sahara\n\
ER ERI Eritrea\n\
ES ESP Spain\n\
ET ETH Ethiopia\n\
FI FIN Finland\n\
FJ FJI Fiji\n\
FK FLK Falkland Islands\n\
FM FSM Micronesia\n\
FO FRO Faroe Islands\n\
FR FRA France\n\
GA GAB Gabon\n\
GB GBR United Kingdom\n\
GD GRD Grenada\n\
GE GEO Georgia\n\
GF GUF French Guiana\n\
GG GGY Guernsey\n\
GH GHA Ghana\n\
GI GIB Gibraltar\n\
GL GRL Greenland\n\
GM GMB Gambia\n\
GN GIN Guinea\n\
GP GLP Guadeloupe\n\
GQ GNQ Equatorial Guinea\n\
GR GRC Greece\n\
GS SGS South Georgia and the South Sandwich Islands\n\
GT GTM Guatemala\n\
GU GUM Guam\n\
GW GNB Guinea-Bissau\n\
GY GUY Guyana\n\
HK HKG Hong Kong\n\
HM HMD Heard Island and McDonald Islands\n\
HN HND Honduras\n\
HR HRV Croatia\n\
HT HTI Haiti\n\
HU HUN Hungary\n\
ID IDN Indonesia\n\
IE IRL Ireland\n\
IL ISR Israel\n\
IM IMN Isle of Man\n\
IN IND India\n\
IO IOT British Indian Ocean Territory\n\
IQ IRQ Iraq\n\
IR IRN Iran\n\
IS ISL Iceland\n\
IT ITA Italy\n\
JE JEY Jersey\n\
JM JAM Jamaica\n\
JO JOR Jordan\n\
JP JPN Japan\n\
KE KEN Kenya\n\
KG KGZ Kyrgyzstan\n\
KH KHM Cambodia\n\
KI KIR Kiribati\n\
KM COM Comoros\n\
KN KNA Saint Kitts and Nevis\n\
KP PRK North Korea\n\
KR KOR South Korea\n\
KW KWT Kuwait\n\
KY CYM Cayman Islands\n\
KZ KAZ Kazakhstan\n\
LA LAO Laos\n\
LB LBN Lebanon\n\
LC LCA Saint Lucia\n\
LI LIE Liechtenstein\n\
LK LKA Sri Lanka\n\
LR LBR Liberia\n\
LS LSO Lesotho\n\
LT LTU Lithuania\n\
LU LUX Luxembourg\n\
LV LVA Latvia\n\
LY LBY Libya\n\
MA MAR Morocco\n\
MC MCO Monaco\n\
MD MDA Moldova\n\
ME MNE Montenegro\n\
MF MAF Saint Martin\n\
MG MDG Madagascar\n\
MH MHL Marshall Islands\n\
MK MKD North Macedonia\n\
ML MLI Mali\n\
MM MMR Myanmar\n\
MN MNG Mongolia\n\
MO MAC Macao\n\
MP MNP Northern Mariana Islands\n\
MQ MTQ Martinique\n\
MR MRT Mauritania\n\
MS MSR Montserrat\n\
MT MLT Malta\n\
MU MUS Mauritius\n\
MV MDV Maldives\n\
MW MWI Malawi\n\
MX MEX Mexico\n\
MY MYS Malaysia\n\
MZ MOZ Mozambique\n\
NA NAM Namibia\n\
NC NCL New Caledonia\n\
NE NER Niger\n\
NF NFK Norfolk Island\n\
NG NGA Nigeria\n\
NI NIC Nicaragua\n\
NL NLD Netherlands\n\
NO NOR Norway\n\
NP NPL Nepal\n\
NR NRU Nauru\n\
NU NIU Niue\n\
NZ NZL New Zealand\n\
OM OMN Oman\n\
PA PAN Panama\n\
PE PER Peru\n\
PF PYF French Polynesia\n\
PG PNG Papua New Guinea\n\
PH PHL Philippines\n\
PK PAK Pakistan\n\
PL POL Poland\n\
PM SPM Saint Pierre and Miquelon\n\
PN PCN Pitcairn\n\
PR PRI Puerto Rico\n\
PS PSE Palestine\n\
PT PRT Portugal\n\
PW PLW Palau\n\
PY PRY Paraguay\n\
QA QAT Qatar\n\
RE REU Réunion\n\
RO ROU Romania\n\
RS SRB Serbia\n\
RU RUS Russia\n\
RW RWA Rwanda\n\
SA SAU Saudi Arabia\n\
SB SLB Solomon Islands\n\
SC SYC Seychelles\n\
SD SDN Sudan\n\
SE SWE Sweden\n\
SG SGP Singapore\n\
SH SHN Saint Helena\n\
SI SVN Slovenia\n\
SJ SJM Svalbard and Jan Mayen\n\
SK SVK Slovakia\n\
SL SLE Sierra Leone\n\
SM SMR San Marino\n\
SN SEN Senegal\n\
SO SOM Somalia\n\
SR SUR Suriname\n\
SS SSD South Sudan\n\
ST STP Sao Tome and Principe\n\
SV SLV El Salvador\n\
SX SXM Sint Maarten\n\
SY SYR Syria\n\
SZ SWZ Eswatini\n\
TC TCA Turks and Caicos Islands\n\
TD TCD Chad\n\
TF ATF French Southern Territories\n\
TG TGO Togo\n\
TH THA Thailand\n\
TJ TJK Tajikistan\n\
TK TKL Tokelau\n\
TL TLS Timor-Leste\n\
TM TKM Turkmenistan\n\
TN TUN Tunisia\n\
TO TON Tonga\n\
TR TUR Türkiye\n\
TT TTO Trinidad and Tobago\n\
TV TUV Tuvalu\n\
TW TWN Taiwan\n\
TZ TZA Tanzania\n\
UA UKR Ukraine\n\
UG UGA Uganda\n\
UM UMI United States Minor Outlying Islands\n\
US USA United States\n\
UY URY Uruguay\n\
UZ UZB Uzbekistan\n\
VA VAT Vatican City\n\
VC VCT Saint Vincent and the Grenadines\n\
VE VEN Venezuela\n\
VG VGB British Virgin Islands\n\
VI VIR US Virgin Islands\n\
VN VNM Vietnam\n\
VU VUT Vanuatu\n\
WF WLF Wallis and Futuna\n\
WS WSM Samoa\n\
XK XKX Kosovo\n\
YE YEM Yemen\n\
YT MYT Mayotte\n\
ZA ZAF South Africa\n\
ZM ZMB Zambia\n\
ZW ZWE Zimbabwe";

/// Other names that are as usual; as `letters` makes them.
const OTHER_NAMES: [(&str, &str); 26] = [
    ("uk", "GB"),
    ("greatbritain", "GB"),
    ("england", "GB"),
    ("scotland", "GB"),
    ("wales", "GB"),
    ("northernireland", "GB"),
    ("usa", "US"),
    ("unitedstatesofamerica", "US"),
    ("america", "US"),
    ("el", "GR"),
    ("czechrepublic", "CZ"),
    ("turkey", "TR"),
    ("holland", "NL"),
    ("thenetherlands", "NL"),
    ("ivorycoast", "CI"),
    ("capeverde", "CV"),
    ("burma", "MM"),
    ("swaziland", "SZ"),
    ("macedonia", "MK"),
    ("korea", "KR"),
    ("republicofkorea", "KR"),
    ("russianfederation", "RU"),
    ("macau", "MO"),
    ("uae", "AE"),
    ("easttimor", "TL"),
    ("palestinianterritories", "PS"),
];

/// Whether two letters are a country's: one bit for each second letter, by the first. So that what most rows have costs no search.
const KNOWN: [u32; 26] = known();

const fn known() -> [u32; 26] {
    let text = COUNTRIES.as_bytes();
    let (mut known, mut at, mut begins) = ([0; 26], 0, true);
    while at + 1 < text.len() {
        if begins {
            known[(text[at] - b'A') as usize] |= 1 << (text[at + 1] - b'A');
        }
        begins = text[at] == b'\n';
        at += 1;
    }
    known
}

fn all() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    COUNTRIES.lines().map(|line| (&line[..2], &line[3..6], &line[7..]))
}

/// The two letters of the country that is written by its two letters, three letters or English name, in either case.
pub fn country_code(written: &str) -> Option<&'static str> {
    if is_code(written) {
        return all().map(|(two, _, _)| two).find(|two| two.eq_ignore_ascii_case(written));
    }
    let name: String = letters(written).collect();
    if let Some((_, two)) = OTHER_NAMES.iter().find(|(other, _)| *other == name) {
        return Some(two);
    }
    all()
        .find(|(_, three, known)| three.eq_ignore_ascii_case(&name) || letters(known).eq(name.chars()))
        .map(|(two, _, _)| two)
}

/// Whether it is the two letters of a country, in either case.
pub(crate) fn is_code(written: &str) -> bool {
    let [first, second] = written.as_bytes() else { return false };
    let place = |letter: &u8| letter.is_ascii_alphabetic().then(|| letter.to_ascii_uppercase() - b'A');
    matches!((place(first), place(second)), (Some(first), Some(second)) if KNOWN[usize::from(first)] & (1 << second) != 0)
}

/// The English name of a country by its two letters.
pub fn country_name(code: &str) -> Option<&'static str> {
    all().find(|(two, _, _)| two.eq_ignore_ascii_case(code)).map(|(_, _, name)| name)
}

/// Letters only, in lower case, without accents.
fn letters(name: &str) -> impl Iterator<Item = char> + '_ {
    let (plain, apart) = match taken_apart(name) {
        Cow::Borrowed(name) => (name, Vec::new()),
        Cow::Owned(name) => ("", name.chars().collect()),
    };
    let all = plain.chars().chain(apart);
    all.filter(|character| character.is_alphabetic() && !is_mark(*character)).flat_map(char::to_lowercase)
}
