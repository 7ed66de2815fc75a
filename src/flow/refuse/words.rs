//! The plain words for each reason, in English and Welsh. `{host}` and `{port}` stand for the target, `{seconds}` and
//! `{eiliad}` for when to come back.

use crate::base::Reason;

/// One reason in one language.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// The heading.
    pub title: &'static str,
    /// What happened.
    pub what: &'static str,
    /// What one can do.
    pub now: &'static str,
}

/// One reason in both languages.
#[derive(Clone, Copy, Debug)]
pub struct Both {
    /// English.
    pub en: Words,
    /// Welsh.
    pub cy: Words,
}

const fn both(en: [&'static str; 3], cy: [&'static str; 3]) -> Both {
    let [title, what, now] = en;
    let en = Words { title, what, now };
    let [title, what, now] = cy;
    Both { en, cy: Words { title, what, now } }
}

const ASK_EN: &str = "If you need it for your work, ask the ICT service desk and give them the reference below.";
const ASK_CY: &str =
    "Os oes ei hangen arnoch ar gyfer eich gwaith, cysylltwch â'r ddesg wasanaeth TGCh gan roi'r cyfeirnod isod.";
const LATER_EN: &str =
    "Try again in a few minutes. If it goes on, tell the ICT service desk and give them the reference below.";
const LATER_CY: &str = "Rhowch gynnig arall arni ymhen ychydig funudau. Os bydd hyn yn parhau, rhowch wybod i'r ddesg \
                        wasanaeth TGCh gan roi'r cyfeirnod isod.";
const DESK_EN: &str = "Tell the ICT service desk and give them the reference below.";
const DESK_CY: &str = "Rhowch wybod i'r ddesg wasanaeth TGCh gan roi'r cyfeirnod isod.";
const SOON_EN: &str = "Try again in {seconds}.";
const SOON_CY: &str = "Rhowch gynnig arall arni ymhen {eiliad}.";
const UNREACHED_EN: &str = "This site cannot be reached";
const UNREACHED_CY: &str = "Ni ellir cyrraedd y wefan hon";
const SLOW_EN: &str = "This site is taking too long to answer";
const SLOW_CY: &str = "Mae'r wefan hon yn cymryd gormod o amser i ateb";
const FULL_EN: &str = "The connection is full at the moment";
const FULL_CY: &str = "Mae'r cysylltiad yn llawn ar hyn o bryd";

/// The words for a reason.
pub fn of(reason: Reason) -> Both {
    match reason {
        Reason::Blocked | Reason::ClientNotAllowed | Reason::PortRefused | Reason::AddressDenied => refused(reason),
        Reason::BadRequest
        | Reason::HeadTooLarge
        | Reason::SlowHead
        | Reason::BadProxyHeader
        | Reason::NoDestination => misread(reason),
        Reason::TubeFull | Reason::ProcessFull | Reason::Drained => busy(reason),
        Reason::Internal | Reason::Finished => both(
            [
                "Something went wrong in the internet gateway",
                "The fault is ours: it is not yours, nor the site's.",
                LATER_EN,
            ],
            [
                "Aeth rhywbeth o'i le yn y porth rhyngrwyd",
                "Ein bai ni yw hyn: nid eich bai chi, na bai'r wefan.",
                LATER_CY,
            ],
        ),
        _ => failed(reason),
    }
}

/// What people wrote down forbids it.
fn refused(reason: Reason) -> Both {
    match reason {
        Reason::ClientNotAllowed => both(
            [
                "This computer may not use this gateway",
                "The internet gateway accepts connections only from computers on its list, and this one is not on it.",
                "If it should be, tell the ICT service desk and give them the reference below.",
            ],
            [
                "Ni chaiff y cyfrifiadur hwn ddefnyddio'r porth hwn",
                "Dim ond cysylltiadau o gyfrifiaduron ar ei restr y mae'r porth rhyngrwyd yn eu derbyn, ac nid yw'r un \
                 hwn arni.",
                "Os dylai fod, rhowch wybod i'r ddesg wasanaeth TGCh gan roi'r cyfeirnod isod.",
            ],
        ),
        Reason::PortRefused => both(
            [
                "This kind of connection is not allowed",
                "The internet gateway carries no connections to port {port}.",
                ASK_EN,
            ],
            [
                "Ni chaniateir y math hwn o gysylltiad",
                "Nid yw'r porth rhyngrwyd yn cario unrhyw gysylltiad i borth rhif {port}.",
                "Os oes ei angen arnoch ar gyfer eich gwaith, cysylltwch â'r ddesg wasanaeth TGCh gan roi'r cyfeirnod isod.",
            ],
        ),
        Reason::AddressDenied => both(
            [
                "This address is not allowed",
                "{host} leads to an address that nobody may reach through the internet gateway.",
                ASK_EN,
            ],
            [
                "Ni chaniateir y cyfeiriad hwn",
                "Mae {host} yn arwain at gyfeiriad na chaiff neb ei gyrraedd drwy'r porth rhyngrwyd.",
                "Os oes ei angen arnoch ar gyfer eich gwaith, cysylltwch â'r ddesg wasanaeth TGCh gan roi'r cyfeirnod isod.",
            ],
        ),
        _ => both(
            ["This site is blocked", "The internet policy here does not allow {host}.", ASK_EN],
            ["Mae'r wefan hon wedi'i rhwystro", "Nid yw'r polisi rhyngrwyd yma yn caniatáu {host}.", ASK_CY],
        ),
    }
}

/// The request itself is at fault.
fn misread(reason: Reason) -> Both {
    match reason {
        Reason::HeadTooLarge => both(
            [
                "The request is too large",
                "The first part of the request, most often its cookies, is larger than the internet gateway accepts.",
                "Clear the cookies of this site in your browser and try again.",
            ],
            [
                "Mae'r cais yn rhy fawr",
                "Mae rhan gyntaf y cais, cwcis gan amlaf, yn fwy nag y mae'r porth rhyngrwyd yn ei derbyn.",
                "Cliriwch gwcis y wefan hon yn eich porwr a rhowch gynnig arall arni.",
            ],
        ),
        Reason::SlowHead => both(
            ["The request took too long to arrive", "The whole request did not arrive in time.", LATER_EN],
            ["Cymerodd y cais ormod o amser i gyrraedd", "Ni chyrhaeddodd y cais cyfan mewn pryd.", LATER_CY],
        ),
        _ => both(
            [
                "The request could not be understood",
                "Your browser or program sent something that the internet gateway cannot read.",
                DESK_EN,
            ],
            [
                "Nid oedd modd deall y cais",
                "Anfonodd eich porwr neu'ch rhaglen rywbeth na all y porth rhyngrwyd ei ddarllen.",
                DESK_CY,
            ],
        ),
    }
}

/// There is no room now, but there will be.
fn busy(reason: Reason) -> Both {
    match reason {
        Reason::Drained => both(
            ["The internet gateway is restarting", "It takes no new connections just now.", SOON_EN],
            ["Mae'r porth rhyngrwyd yn ailgychwyn", "Nid yw'n derbyn cysylltiadau newydd ar hyn o bryd.", SOON_CY],
        ),
        Reason::ProcessFull => both(
            [FULL_EN, "The internet gateway carries as many connections as it can.", SOON_EN],
            [FULL_CY, "Mae'r porth rhyngrwyd yn cario cynifer o gysylltiadau ag y gall.", SOON_CY],
        ),
        _ => both(
            [FULL_EN, "There are already as many connections to sites of this kind as are allowed.", SOON_EN],
            [FULL_CY, "Mae cynifer o gysylltiadau ag a ganiateir eisoes ar agor i wefannau o'r math hwn.", SOON_CY],
        ),
    }
}

/// The way to the site, or the site, did not do its part.
fn failed(reason: Reason) -> Both {
    match reason {
        Reason::NameNotFound => both(
            [
                "This site could not be found",
                "There is no site called {host}.",
                "Check the spelling of the address. If it is right, the site may have moved or closed.",
            ],
            [
                "Ni ellid dod o hyd i'r wefan hon",
                "Nid oes gwefan o'r enw {host}.",
                "Gwiriwch sillafiad y cyfeiriad. Os yw'n gywir, efallai fod y wefan wedi symud neu wedi cau.",
            ],
        ),
        Reason::ResolverFailed => both(
            [
                "This site could not be looked up",
                "The internet gateway asked where {host} is and got no answer in time.",
                LATER_EN,
            ],
            [
                "Ni ellid chwilio am y wefan hon",
                "Gofynnodd y porth rhyngrwyd ble mae {host}, ond ni chafodd ateb mewn pryd.",
                LATER_CY,
            ],
        ),
        Reason::ConnectRefused => both(
            [UNREACHED_EN, "{host} refused the connection.", LATER_EN],
            [UNREACHED_CY, "Gwrthododd {host} y cysylltiad.", LATER_CY],
        ),
        Reason::Unreachable => both(
            [UNREACHED_EN, "There is no way from here to {host} at the moment.", LATER_EN],
            [UNREACHED_CY, "Nid oes ffordd o gyrraedd {host} oddi yma ar hyn o bryd.", LATER_CY],
        ),
        Reason::TlsFailed => both(
            [UNREACHED_EN, "A secure connection with {host} could not be made.", LATER_EN],
            [UNREACHED_CY, "Ni ellid gwneud cysylltiad diogel â {host}.", LATER_CY],
        ),
        Reason::ParentRefused => both(
            [UNREACHED_EN, "The next gateway on the way to {host} refused the connection.", LATER_EN],
            [UNREACHED_CY, "Gwrthododd y porth nesaf ar y ffordd at {host} y cysylltiad.", LATER_CY],
        ),
        Reason::BadAnswer => both(
            [UNREACHED_EN, "{host} sent an answer that could not be read.", LATER_EN],
            [UNREACHED_CY, "Anfonodd {host} ateb na ellid ei ddarllen.", LATER_CY],
        ),
        Reason::ConnectTimeout | Reason::AnswerTimeout | Reason::Idle => both(
            [SLOW_EN, "{host} did not answer in time.", LATER_EN],
            [SLOW_CY, "Ni atebodd {host} mewn pryd.", LATER_CY],
        ),
        _ => both(
            [UNREACHED_EN, "{host} broke off the connection.", LATER_EN],
            [UNREACHED_CY, "Torrodd {host} y cysylltiad.", LATER_CY],
        ),
    }
}
