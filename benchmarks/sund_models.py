"""The published models in the language of sund, the compiled simulator of the group that published them.

Constants of a person are parameters that the twin computes, so that both solve the same equations.
"""

from __future__ import annotations

from pipeline.twins.alcohol import Alcohol
from pipeline.twins.glucose_insulin import C

SECTIONS = ("STATES", "PARAMETERS", "VARIABLES", "FUNCTIONS", "EVENTS", "OUTPUTS", "INPUTS", "FEATURES")


def model_text(name: str, unit: str, rates: dict[str, str], parameters: dict[str, float], **sections: str) -> str:
    """A model file; `rates` by state, other sections as text. Every state starts where the caller sets it."""
    states = "\n".join(f"ddt_{s} = {rate}" for s, rate in rates.items())
    starts = "\n".join(f"{s}(0) = 0" for s in rates)
    body = {"STATES": f"{states}\n{starts}", "PARAMETERS": "\n".join(f"{n} = {v!r}" for n, v in parameters.items())}
    body |= {section: text.strip() for section, text in sections.items()}
    parts = "\n".join(f"########## {section}\n{body.get(section, '')}" for section in SECTIONS)
    return f"########## NAME\n{name}\n########## METADATA\ntime_unit = {unit}\n########## MACROS\n{parts}\n"


def unset(names: str) -> dict[str, float]:
    """Parameters that every person sets."""
    return dict.fromkeys(names.split(), 1.0)


BODY_LIVER = model_text(
    "TvillingBodyLiver",
    "d",
    {
        "H": "indiet + innefa*x + kdnl*D - H*(kvldl + kbox/(1 + ks*D))",
        "D": "intca*x - kdnl*D",
        "G": "S/17.6e6",
        "E": "(-3000*(E - E0) - 4000*(1 - CI/CI0))/3220",
        "F": "(1 - q)*R/39.5e6",
        "A": "(0.14*(EI - EI0) - A)/14",
    },
    unset("indiet innefa intca kdnl kvldl kbox ks kir F0 E0 LF K kG CI CI0 EI EI0 delta"),
    VARIABLES="""
L = LF + 10.4*log(F)
W = F + L + 3.7*G + E
q = 10.4*7.6e6/39.5e6/(10.4*7.6e6/39.5e6 + F)
cost = 960000*q/7.6e6 + 750000*(1 - q)/39.5e6
S = CI - kG*G*G
EE = (K + 13000*F + 92000*L + delta*W + 0.1*(EI - EI0) + A + cost*(EI - S))/(1 + cost)
R = EI - EE - S
x = max(0, 1 + kir*(F/F0 - 1))
""",
    FEATURES="weight_kg = W\npdff_percent = H/10",
)

ALCOHOL = model_text(
    "TvillingAlcohol",
    "m",
    {
        "V": "10*drunk - r_e",
        "K": "energy - k_Kcal*K",
        "S": "-r_S",
        "tau": "1",
        "M": "0",
        "P": "r_in*V - r_out",
        "C": "10*(ethanol - C*drunk)/V - r_in + r_out/V",
        "I": "r_e*C - (k3 + k4)*I",
        "B": "(k3*I - 15*r_el)/V_B",
        "A": "r_el - k6*A",
        "E": "kPEth*B - kPEth_bind*E + r_rel - kPEth_out*E",
        "D": "kPEth_bind*E - r_rel",
    },
    {"V_B": 50.0} | {q.name: q.median for q in Alcohol.parameters},
    VARIABLES="""
r_e = Vmax*(V - 0.001)/((V - 0.001) + km)*exp(-max(0, K)/k_kcal)
s = 0.01*max(0, tau)
r_S = 0.0188*M*pow(s, 0.86)*exp(-pow(s, 1.86))
v_S = max(1, S)/400
g = (V > 0.002)*(S > 0.001)
r_in = g*k_poolIn*max(0, C - P/v_S)
r_out = g*k_poolOut*P
r_el = VmaxADH*B/(KmADH + B) + VmaxCYP2E1*B/(KmCYP2E1 + B)
r_rel = max(0, kPEth_release*(D - E))
""",
    EVENTS="""
meal = eaten > 0, M, eaten + max(S, 0), S, eaten + max(S, 0), tau, 0
emptied = S <= 0, S, 0, M, 0, P, 0
""",
    INPUTS="drunk = drunk @ 0\nenergy = energy @ 0\nethanol = ethanol @ 0\neaten = eaten @ 0",
    FEATURES="""
blood_alcohol_mg_dl = B
acetate_mmol_l = A/10.2
breath_alcohol_g_210l = 0.840*B/1000 + 0.00367
gastric_volume_ml = 100*V
peth_ng_ml = E
peth_umol_l = 0.5*E/703
""",
)

# Fat cell: what leaves (or nothing), what comes (or nothing), rate per minute.
STEPS = """
IRm IRins IRm*0.633e-3*(N + 5)
IRm IRp 0.0368*IRm
IRins IRp 0.877*IRins
IRp IRip 31*IRp
IRp IRm 1940*IRp
IRip IRi 0.368*IRip*Xp
IRi IRm 0.547*IRi
- IRm 0.0323845*phi_R
IRi - IRi
IRS1 IRS1p 3.22728*IRS1*IRip
IRS1p IRS1 3424.35*IRS1p
IRS1p IRS1p307 5758.78*IRS1p*mTORC1a*phi_d
IRS1p307 IRS1p 280.753*IRS1p307
IRS1p307 IRS1307 2.9131*IRS1p307
IRS1 IRS1307 0.0422768*IRS1
IRS1307 IRS1 0.267089*IRS1307
X Xp 0.00137731*X*IRS1p
Xp X 0.0987558*Xp
PKB PKB308p 5790.17*PKB*IRS1p
PKB308p PKB 34.7965*PKB308p
PKB308p PKBpp 4.45581*PKB308p*mTORC2a
PKB473p PKBpp 42.8395*PKB473p*IRS1p307
PKBpp PKB473p 143.597*PKBpp
PKB473p PKB 0.536145*PKB473p
mTORC1 mTORC1a mTORC1*(1.8423*PKBpp + 0.055064*PKB308p)
mTORC1a mTORC1 24.826*mTORC1a
mTORC2 mTORC2a 0.0857515*mTORC2*IRip
mTORC2a mTORC2 1.06013*mTORC2a
AS160 AS160p AS160*(2.65168*PKBpp + 36.9348*opened)
AS160p AS160 65.1841*AS160p
GLUT4 GLUT4m 51*GLUT4*AS160p
GLUT4m GLUT4 2290*GLUT4m
- GLUT4 62.81266*phi_4
GLUT4m - GLUT4m
S6K S6Kp 0.12981*S6K*z/(pow(5872.68, 0.985466) + z)
S6Kp S6K 0.0444092*S6Kp
S6 S6p 3.3289*S6*S6Kp
S6p S6 30.9967*S6p
"""

GLUCOSE_INSULIN = {
    "Gp": "rise",
    "Gt": "-(Um + Ul + Uf) + k1*Gp - k2*Gt",
    "Il": "-(m1 + m3)*Il + m2*Ip + secreted",
    "Ip": "-(m2 + m4)*Ip + m1*Il",
    "Q1": "-kgri*Q1",
    "Q2": "kgri*Q1 - ke*Q2",
    "Qg": "ke*Q2 - kabs*Qg",
    "I1": "-ki*(I1 - Insulin)",
    "Id": "-ki*(Id - I1)",
    "Ipo": "phi_I*(-gamma*Ipo + Y + K*rise/VG + Sb)",
    "Y": "-alpha*(Y - betas*(G - Gb))",
    "N": "p2U*(Insulin - Ib - N)*w",
    "M": "(kI1*(Insulin - Ib) - kI2*M)*w",
    "Gi": "p1*(vin - p3*Gi) - v6",
    "G6P": "v6 - p2*G6P",
}
FLOWS = """
G = Gp/VG
Insulin = Ip/VI
EGP = (kp1 - kp2*Gp - kp3*Id - kp4*Ipo)*phi_E
secreted = gamma*Ipo*beta
HE = m6 - m5*secreted
m3 = HE*m1/(1 - HE)
Q = Q1 + Q2
ke = kmin + (kmax - kmin)/2*(tanh(2.5/((1 - b)*eaten)*(Q - b*eaten)) - tanh(2.5/(dd*eaten)*(Q - dd*eaten)) + 2)
Ra = f*kabs*Qg/BW
Um = Xl*(Vm + Vmx*M)*Gt/(Km + Gt)/phi_U
Ul = (Vl + Vlx*M)*Gt/(Kl + Gt)/phi_U
vin = p4*Gt*nC*((k8*GLUT4m + glut1)/pf + be + kbf*(N + 7))
Uf = Xf*(vin - p3*Gi)
rise = EGP + Ra - Uii - k1*Gp + k2*Gt
w = Q1/(Q1 + 0.01)
opened = pow(PKB473p, 2.13707)/(pow(30.5424, 2.13707) + pow(PKB473p, 2.13707))
z = pow(mTORC1a, 0.985466)
v6 = V6*Gi/(K6 + Gi)/(G6 + G6P)
"""
FACTORS = """
change = log(Xf)
phi_d = 1 - 0.08962*change
phi_R = (phi_d < 1.046) ? min(1, 1 - 0.13696*change) : 1.007097156799198
phi_4 = (phi_d < 1.046) ? min(1, 1 - 0.15865*change) : 1.008221115115309
phi_U = (phi_d < 1.0046) ? 1 + 2.35*0.605258205407204*change : 0.926294640396772
phi_E = (phi_d < 1.0046) ? 1 + 2.35*1.14283956191542*change : 0.860830533146272
phi_I = (phi_d < 1.0046) ? 1 + 2.35*0.749598731223457*change : 0.90871750253449
"""
BODY = {
    "Gly": "stored/17.6e6",
    "F": "(1 - share)*surplus/39.5e6",
    "L": "share*surplus/7.6e6",
    "AT": "(0.14*(EI - EI0) - AT)/14",
}
BALANCE = """
BW = F + L + 3.7*Gly + ECF
Xf = F/F0
Xl = L/L0
share = 10.4*7.6e6/39.5e6/(10.4*7.6e6/39.5e6 + F)
stored = CI - kG*Gly*Gly
cost = 960000*share/7.6e6 + 750000*(1 - share)/39.5e6
EE = (K0 + 13000*F + 92000*L + 30*BW + 0.1*(EI - EI0) + AT + cost*(EI - stored))/(1 + cost)
surplus = EI - EE - stored
"""
SWITCHES = """
diabetic = BW/height/height > 29.5, beta, 0.3
low = betas*(G - Gb) < -Sb, Y, Y2
back = betas*(G - Gb) > -Sb, Y2, 0
"""


def _fat_cell() -> dict[str, str]:
    """Rates of the forms of the fat cell, by mass action."""
    rates: dict[str, str] = {}
    for line in STEPS.strip().splitlines():
        gone, come, rate = line.split(" ", 2)
        for form, sign in ((gone, "-"), (come, "+")):
            if form != "-":
                rates[form] = f"{rates.get(form, '')} {sign} {rate}".strip()
    return rates


MINUTES = GLUCOSE_INSULIN | _fat_cell()
PERSON = {"eaten": 78_000.0, "beta": 1.0}
CONSTANTS = {n: v for n, v in vars(C).items() if n not in ("ke1", "ke2")}      # excretion never acts, as published
MEAL = model_text(
    "TvillingMeal",
    "m",
    MINUTES,
    CONSTANTS | PERSON | {"BW": 75.0, "Xf": 1.0, "Xl": 1.0},
    VARIABLES=FACTORS + FLOWS,
    FEATURES="meal_glucose_mg_dl = G\nmeal_insulin_pmol_l = Insulin",
)
# Minutes and years in one system, time in days; the helper of the switch of secretion lacks the factor in one term.
METABOLIC = model_text(
    "TvillingMetabolic",
    "d",
    BODY | {s: f"1440*({rate})" for s, rate in MINUTES.items()} | {"Y2": "-alpha*Y2 - 1440*alpha*Sb"},
    CONSTANTS | PERSON | unset("F0 L0 ECF K0 kG CI EI EI0 height"),
    VARIABLES=BALANCE + FACTORS + FLOWS,
    EVENTS=SWITCHES,
    FEATURES="weight_kg = BW\nfasting_glucose_mg_dl = G\nfasting_insulin_pmol_l = Insulin\ndiabetes = beta < 1",
)
