//! What the words of member names, column heads and labels mean, in the languages in which
//! records are written most.
//!
//! Owns the table of phrases. A phrase is written in lower case, without accents of Latin-1 and
//! without what separates its words: `date_of_birth`, `dateOfBirth` and `Date of birth` are
//! `dateofbirth`. Guarantees: one look-up costs one hash and one comparison.
//!
//! Source of the words: the names of fields in the schemas of vCard (RFC 6350), schema.org
//! `Person`, FHIR `Patient`, OpenID Connect's claims, FIX, and the authorities' own forms.

use std::sync::LazyLock;

use super::context::Hints;
use crate::class::Class;

/// What a phrase means; `None` for one that is not in the table.
pub(super) fn of(phrase: &[u8]) -> Option<Hints> {
    if phrase.len() > PHRASE_BYTES_MAX || !may_end(phrase) {
        return None;
    }
    TABLE.get(phrase)
}

/// What a label means by the word alone with which it ends, in lower case: its phrase, or that there
/// is none. `None` where the words before it count: it ends a longer phrase, or says too little.
pub(super) fn by_last_word(word: &[u8]) -> Option<Hints> {
    if !(2..=SUFFIX_BYTES_MAX).contains(&word.len()) || TABLE.may_end_longer(word) {
        return None;
    }
    let hints = TABLE.get(word).unwrap_or(Hints::NONE);
    (!matches!(hints, Hints::GENERIC | Hints::NAME | Hints::SOMEBODY)).then_some(hints)
}

/// Whether a phrase can end as this word does. Cheap, and yes too often: what prose is made of
/// mostly ends in other ways.
pub(super) fn may_end(word: &[u8]) -> bool {
    match word {
        [.., a, b, c]
            if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() && c.is_ascii_alphabetic() =>
        {
            let (word, bit) = ending(*a, *b, *c);
            TABLE.endings.get(word).is_some_and(|bits| bits & bit != 0)
        }
        // Short words, digits, other scripts.
        _ => true,
    }
}

/// Where three letters stand in the set of endings.
fn ending(a: u8, b: u8, c: u8) -> (usize, u64) {
    let letter = |byte: u8| u32::from(byte.to_ascii_lowercase() & 31);
    let place = letter(a) << 10 | letter(b) << 5 | letter(c);
    (usize::try_from(place / 64).unwrap_or(0), 1 << (place % 64))
}

/// A hash of a name: equal names have equal ones, and others hardly ever.
pub(super) fn hash(name: &[u8]) -> u64 {
    let (words, rest) = name.as_chunks::<8>();
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(SEED).rotate_left(29);
    let begin = u64::try_from(name.len()).unwrap_or(0).wrapping_mul(SEED);
    let mixed = words.iter().fold(begin, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let mixed = mix(mixed, tail(name, rest));
    (mixed ^ (mixed >> 32)).wrapping_mul(SEED)
}

/// The last bytes of a name, fewer than eight, as one word. Loads of fixed size that overlap are
/// several times as fast as a loop over so few bytes.
fn tail(name: &[u8], rest: &[u8]) -> u64 {
    if let Some(last) = name.last_chunk::<8>().filter(|_| !rest.is_empty()) {
        return u64::from_le_bytes(*last) >> (8 * (8 - rest.len()));
    }
    if let (Some(first), Some(last)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        let last = u64::from(u32::from_le_bytes(*last)) << (8 * (rest.len() - 4));
        return u64::from(u32::from_le_bytes(*first)) | last;
    }
    rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Phrases by their hash, with open addressing.
struct Table {
    slots: Vec<Option<(&'static str, Hints)>>,
    /// The last three letters of all phrases.
    endings: [u64; ENDINGS],
    /// A bit for the hash of all that phrases end with but is none of them.
    suffixes: Vec<u64>,
}

impl Table {
    fn new() -> Table {
        let (slots, suffixes) = (vec![None; SLOTS], vec![0; SUFFIXES]);
        let mut table = Table { slots, endings: [0; ENDINGS], suffixes };
        for (classes, phrases) in CLASSES {
            phrases
                .split_ascii_whitespace()
                .for_each(|phrase| table.add(phrase, Hints::of(classes)));
        }
        for (hints, phrases) in OTHERS {
            phrases.split_ascii_whitespace().for_each(|phrase| table.add(phrase, *hints));
        }
        table
    }

    /// Adds what a phrase means to what it means already.
    fn add(&mut self, phrase: &'static str, hints: Hints) {
        if let [.., a, b, c] = phrase.as_bytes() {
            let (word, bit) = ending(*a, *b, *c);
            if let Some(bits) = self.endings.get_mut(word) {
                *bits |= bit;
            }
        }
        for length in 2..=SUFFIX_BYTES_MAX.min(phrase.len() - 1) {
            let suffix = phrase.as_bytes().get(phrase.len() - length..).unwrap_or_default();
            let (word, bit) = suffix_place(suffix);
            self.suffixes.get_mut(word).into_iter().for_each(|bits| *bits |= bit);
        }
        let begin = place(phrase.as_bytes());
        for step in 0..SLOTS {
            match self.slots.get_mut((begin + step) % SLOTS) {
                Some(Some((taken, old))) if *taken == phrase => return *old = *old | hints,
                Some(slot @ None) => return *slot = Some((phrase, hints)),
                Some(Some(_)) | None => {}
            }
        }
    }

    /// Whether a longer phrase ends with this word; yes too often.
    fn may_end_longer(&self, word: &[u8]) -> bool {
        let (place, bit) = suffix_place(word);
        self.suffixes.get(place).is_none_or(|bits| bits & bit != 0)
    }

    fn get(&self, phrase: &[u8]) -> Option<Hints> {
        let begin = place(phrase);
        for step in 0..SLOTS {
            let (taken, hints) = (*self.slots.get((begin + step) % SLOTS)?)?;
            if taken.as_bytes() == phrase {
                return Some(hints);
            }
        }
        None
    }
}

fn place(phrase: &[u8]) -> usize {
    usize::try_from(hash(phrase) >> 40).unwrap_or(0) % SLOTS
}

/// Where what a phrase ends with stands in the set of them.
fn suffix_place(suffix: &[u8]) -> (usize, u64) {
    let hash = hash(suffix);
    (usize::try_from(hash >> 40).unwrap_or(0) % SUFFIXES, 1 << (hash >> 20 & 63))
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::new);

/// More than twice as many as phrases, so that a look-up seldom steps on.
const SLOTS: usize = 8192;

/// Words of the set of endings: five bits for each of three letters.
const ENDINGS: usize = (1 << 15) / 64;

/// Words of the set of suffixes: ten bits for each of them, so that one in ten is there by chance.
const SUFFIXES: usize = (1 << 18) / 64;

/// Unit: bytes. Longer words are looked up with those before them.
const SUFFIX_BYTES_MAX: usize = 12;

/// Unit: bytes. No phrase is longer.
const PHRASE_BYTES_MAX: usize = 64;

/// An odd number with bits all over: the golden ratio of 64 bits.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

/// What names classes.
#[rustfmt::skip]
const CLASSES: &[(&[Class], &str)] = &[
    (&[Class::Email], "email emails mail emailaddress mailaddress courriel correo correoelectronico posta \
      epost indirizzoemail adresseemail recoveryemail 邮箱 电子邮件 メール メールアドレス 이메일"),
    (&[Class::Phone], "telefonu telefonie komorkowy numertelefonu telefonnummern telno phonenumbers tlf tlfnr telefonnumer mobilni handynummer mobiltelefon mobilnummer 手機 手機號碼 連絡先 연락처 телефон тел номертелефона phone phones phonenumber phoneno tel telephone telephonenumber telefon telefono telefone \
      telefoon mobile mobiles mobil mob cell cellular cellphone fax faxnumber msisdn sms whatsapp handy celular movil \
      rufnummer telefonnummer mobilenumber mobileno mobilephone telno callback dial call homephone workphone \
      officephone businessphone landline gsm portable telmobile numerodetelephone telefonnr telnr tfn \
      numerodetelefono numerotelefono cellulare telemovel komorka telefonkomorkowy contactnumber contactno \
      電話 電話番号 电话 手机 手机号 手机号码 전화 전화번호 휴대폰"),
    (&[Class::PostalAddress], "adr adres adresse addresse homeaddr mailaddr addressofresidence strassehausnummer hausanschrift direccionpostal direccioncompleta indirizzodiresidenza moradacompleta zamieszkania adreszamieszkania woonadres 現住所 адрес address addresses postaladdress homeaddress mailingaddress streetaddress \
      billingaddress shippingaddress deliveryaddress street street1 street2 addressline addressline1 addressline2 line1 \
      addr addr1 addr2 strasse anschrift adresse adressepostale rue voie direccion domicilio calle indirizzo via \
      endereco morada rua adres straat ulica residence residentialaddress permanentaddress currentaddress \
      workaddress streetname streetline adresszeile wohnort wohnanschrift lieferadresse rechnungsadresse \
      住所 地址 住址 주소"),
    (&[Class::PersonName], "fn namevorname fullnm nameofholder namesurname nameandsurname nomprenom nometprenom nomeecognome nomeesobrenome imieinazwisko 氏 名 担当者 患者姓名 客户姓名 фио имя фамилия fullname firstname lastname surname familyname givenname middlename maidenname \
      forename nachname vorname familienname vollername prenom nomcomplet nomdefamille nombrecompleto \
      apellido apellidos primerapellido segundoapellido cognome nomecompleto nomeecognome sobrenome apelido voornaam \
      achternaam volledigenaam imie nazwisko imieinazwisko legalname displayedname cardholder cardholdername \
      accountholder accountholdername nameoncard holdername beneficiaryname recipientname patientname employeename \
      customername clientname contactname contactperson emergencycontact nextofkin passengername guestname \
      membername studentname teachername doctorname physicianname ownername authorname sendername \
      personname firstnm lastnm fname lname mname birthname namn fornamn efternamn mothersmaidenname \
      spousename studentfullname signatory attendee attendees 姓名 名字 氏名 名前 お名前 이름 성명"),
    (&[Class::DateOfBirth], "birth geburt nacido nacida nato nata data_nascita dataur urodz nascita fechanac fechadenac fnac gebdat datebirth bornin geborenam naissancedate datenaissance date_naiss birthdateiso rojstva datumrodjenja datumnarozeni 出生 誕生日 датарождения dob dateofbirth birthdate birthday birthdt bday birthdatetime borndate bornon born \
      dateofbirthday geburtsdatum gebdatum geburtstag geborenam geboren datedenaissance naissance neele neale nele \
      fechadenacimiento fechanacimiento nacimiento datadinascita datanascita natoil nataoil datadenascimento \
      datanascimento nascimento geboortedatum dataurodzenia urodzenia urodzony fodelsedatum birthdatum patientdob \
      生年月日 出生日期 生日 생년월일"),
    (&[Class::Ip], "ip ips ipaddress ipaddr ipv4 ipv6 remoteaddr clientip remoteip sourceip srcip dstip"),
    (&[Class::Mac], "mac macaddress macaddr hwaddr hwaddress hardwareaddress bssid wifimac ethernetaddress eui64"),
    (&[Class::Geo], "latitude longitude lat lon lng latlng latlon latlong geo geolocation gps gpscoordinates \
      coordinates coords coord geopoint lastlocation currentlocation homelocation breitengrad laengengrad latitud \
      longitud latitudine longitudine"),
    (&[Class::Imei], "imei imeis imeisv imeinumber deviceimei meid"),
    (&[Class::Imsi], "imsi imsinumber"),
    (&[Class::Iccid], "iccid simnumber simserial simcard simcardnumber sim"),
    (&[Class::Vin], "vin vinnumber vehicleidentificationnumber vehicleidentification chassis chassisnumber \
      fahrgestellnummer fin numerodechasis telaio numerotelaio chassi vehicleid"),
    (&[Class::LicencePlate], "numerrejestracyjny rejestracyjny nrrejestracyjny registrationno registrationnumber regnumber regno numberplates vrm vehiclereg autokennzeichen kfzkennzeichen numeroplaque numeroimmatriculation plaqueimmatriculation matriculacoche targaveicolo ナンバープレート 车牌 车牌号 차량번호 licenseplate licenceplate plate platenumber plateno numberplate registrationplate \
      vehicleregistration vehicleplate licenseplatenumber licenceplatenumber kennzeichen immatriculation \
      plaqued plaquedimmatriculation matricula targa placa kenteken rejestracja numerrejestracyjny \
      vehicleregistrationnumber carregistration tagnumber"),
    (&[Class::Card], "numerokarty numeroscarte numerocarte cartecredit numerotarjeta tarjetacredito numerocartacredito numerodellacarta numerocartao cartaocredito kartennr kartanr karta platobnakarta karty nrkarty cardnumbers pannumbers paymentcardnumber 신용카드 카드번호 card cards cc creditcard debitcard cardnumber cardno ccnumber ccnum visa mastercard amex \
      paymentcard creditcardnumber debitcardnumber bankcard kreditkarte kartennummer kreditkartennummer \
      cartebancaire numerodecarte tarjeta numerodetarjeta tarjetadecredito cartadicredito numerocarta \
      cartao numerodocartao cartaodecredito creditcardno primaryaccountnumber cardpan kartanumer numerkarty \
      カード番号 卡号 信用卡"),
    (&[Class::Card, Class::InPan], "pan pannumber panno pancard"),
    (&[Class::CardCode], "kartenprufnummer prufnummer prufziffer cvn kodcvv codigodeseguridad codicedisicurezza codigocvv cryptogrammevisuel codecvv codigoseguridad cvccode kodbezpieczenstwa codigodeseguranca セキュリティコード 安全码 보안코드 cvv cvc cvv2 cvc2 csc cid cardcode securitycode cardsecuritycode cardverification \
      cardverificationvalue cardverificationcode cvvcode cvccode kartenpruefnummer pruefziffer cryptogramme"),
    (&[Class::Iban], "iban ibans ibannumber ibanno ibancode"),
    (&[Class::BankAccount], "numerocuenta numerocompte numeroconta kontanr numerokonta numerrachunku rachunek numerkonta konta accountnr bankkontonummer ktonr acc accno accountnumbers bankacc numerodicontocorrente nrkonta 口座 银行卡号 계좌 bankaccount bankaccountnumber accountnumber accountno acctno acctnum acctnumber \
      acct accountnum bankacct kontonummer kontonr konto bankkonto numerodecompte comptebancaire \
      numerodecuenta cuentabancaria numeroconto contobancario numerodaconta contabancaria rekeningnummer numerkonta \
      beneficiaryaccount checkingaccount savingsaccount directdepositaccount 口座番号 账号 银行账号 계좌번호"),
    (&[Class::UsRouting], "routing routingnumber routingno abarouting aba abanumber abaroutingnumber rtn \
      routingtransitnumber achrouting bankrouting wirerouting transitnumber"),
    (&[Class::CryptoWallet], "wallet walletaddress cryptowallet cryptoaddress btc bitcoin btcaddress \
      bitcoinaddress eth ethereum ethaddress ethereumaddress walletid depositaddress payoutaddress ltc xrp sol \
      solana tron trx doge"),
    (&[Class::Passport], "passportnumbers passportnr passeportno numeropasseport numeropasaporte numpasaporte passaportonumero numerpaszportu nrpaszportu pasnummer passnumber паспорт passport passportnumber passportno passportnum passportid passeport numerodepasseport \
      pasaporte numerodepasaporte passaporto numeropassaporto passaporte numerodopassaporte reisepass \
      reisepassnummer passnummer passnr paspoort paspoortnummer paszport numerpaszportu traveldocument \
      traveldocumentnumber 護照 护照 护照号 护照号码 パスポート パスポート番号 旅券番号 여권번호 여권"),
    (&[Class::DriverLicence], "prawojazdynr nrprawajazdy numerprawajazdy licenciaconducir permisoconducir numeropermis numerolicencia licencenumber licensenumber driverslic driverlic drivinglic permis permisconduire numeropermisconduire fuehrerscheinnr fuhrerscheinnr patenteguida cartaconducao 驾驶证 driverlicense driverlicence driverslicense driverslicence drivinglicense drivinglicence \
      driverlicensenumber driverlicencenumber driverslicensenumber driverslicencenumber drivinglicensenumber \
      drivinglicencenumber driverslicenseno drivinglicenceno dl dlnumber dlno dln fuehrerschein fuhrerschein \
      fuehrerscheinnummer fuhrerscheinnummer permisdeconduire numerodepermis licenciadeconducir permisodeconducir \
      carnetdeconducir patente patentediguida numeropatente cartadeconducao carteirademotorista cnh rijbewijs \
      rijbewijsnummer prawojazdy numerprawajazdy driverpermit drivingpermit 驾照 驾驶证号 運転免許証 運転免許証番号 운전면허"),
    (&[Class::NationalId], "emiratesid kennitala mykad icnumber icno jmbg amka isikukood asmenskodas personaskods taj tajszam szemelyi szemelyiszam dui ci ruc nationalregistration nationalno civilno civilidnumber cnic iqama saudiid nikktp nik ktp cccd cmnd citizenidentity identitycode idcode identifikationsnummer numeroidentidad numeroidentificacion personenkennziffer personalcode identitydocument identitydocumentnumber documentnumber documentno numerodocumento numerodedocumento dokumentnummer kimlik kimliknumarasi паспортныеданные רישוםאוכלוסין 居民身份 住民票コード 識別番号 nationalid nationalidnumber nationalidentifier nationalidentitynumber identitynumber \
      identitycard identitycardnumber idcard idcardnumber idcardno personalid personalidnumber \
      personalidentitynumber personalnumber citizenid citizenshipnumber civilid governmentid govid nin nid ausweis \
      ausweisnummer personalausweis cartedidentite numerodidentite documentodeidentidad documentoidentidad cedula \
      cartadidentita documentodidentita cartaodecidadao bilhetedeidentidade rg identiteitskaart dowodosobisty \
      numerdowodu identificationnumber governmentidnumber idnumber idno residentid \
      身分証番号 证件号 证件号码 신분증번호"),
    (&[Class::TaxId], "αφμ ΑΦΜ afm adoazonosito adoazonositojel taxpayeridno npwpnumber taxidno taxcode inn инн ico dic cvr orgnr organisationsnummer ytunnus siren siret nrnip vatin numerotvaintracommunautaire umsatzsteuerid umsatzsteueridentifikationsnummer uid uidnummer ust steuernr taxregistration taxregistrationnumber trn gstregno npwp taxpayernumber taxpayerno taxpayer tinnumber tinno regon numeroidentificationfiscale numerofiscal idfiscal codefiscal 统一社会信用代码 法人番号 taxid taxidnumber taxnumber taxno taxpayerid taxpayeridentificationnumber taxidentificationnumber \
      taxidentifier tin ein eid fein employeridentificationnumber vat vatid vatnumber vatno vatregistration \
      ustid ustidnr umsatzsteuerid numerotva tva partitaiva piva btw btwnummer nip numernip fiscalnumber fiscalid \
      taxfile taxref 税号 税務番号 사업자등록번호"),
    (&[Class::UsSsn], "ssno socialsecuritynr ssnr numeroseguridadsocial numeroseguro numerodesegurosocial segurosocial ss ssn ssns socialsecurity socialsecuritynumber socialsecurityno ssnumber ssnno socialsec socsec \
      ssnumbers social securitynumber numerodeseguridadsocial"),
    (&[Class::UsItin], "itin itins itinnumber individualtaxpayeridentificationnumber individualtaxpayerid"),
    (&[Class::UsNpi], "npi npinumber nationalprovideridentifier nationalproviderid providernpi npiid npino"),
    (&[Class::UsDea], "dea deanumber deano deareg dearegistration dearegistrationnumber deaid"),
    (&[Class::UsMbi], "mbi medicarebeneficiaryidentifier medicareid medicarenumber mbinumber medicarebeneficiaryid \
      medicarebeneficiary medicareno mbiid"),
    (&[Class::AuMedicare], "medicarecardno medicareidno medicare medicarenumber medicareno medicarecard medicarecardnumber medicareid"),
    (&[Class::UkNhs], "nhs nhsnumber nhsno nhsid nationalhealthservicenumber chinumber"),
    (&[Class::UkNino], "nino ninumber nationalinsurance nationalinsurancenumber nationalinsuranceno ninos"),
    (&[Class::UkUtr], "uniquetaxpayerref sautrnumber utr utrnumber uniquetaxpayerreference taxpayerreference utrno sautr"),
    (&[Class::CaSin], "assurancesociale dassurancesociale numeroassurancesociale sinnumbers sin sinnumber sinno socialinsurancenumber socialinsurance numerodassurancesociale nas"),
    (&[Class::AuTfn], "tfn tfnnumber taxfilenumber taxfileno tfnno"),
    (&[Class::AuAbn], "abn abnnumber australianbusinessnumber businessnumber abnno"),
    (&[Class::AuAcn], "acn acnnumber australiancompanynumber companynumber acnno"),
    (&[Class::NzIrd], "ird irdnumber irdno inlandrevenuenumber"),
    (&[Class::InAadhaar], "aadhaar aadhar aadhaarnumber aadharnumber aadhaarno aadharno aadhaarcard uidai aadhaarid \
      आधार"),
    (&[Class::InPan], "permanentaccountnumber pancardnumber incometaxpan"),
    (&[Class::InVoter], "voterid voteridnumber epic epicnumber epicno votercard voteridcard electorsphotoid voter"),
    (&[Class::InGstin], "gstin gst gstnumber gstno gstinnumber gstregistration gstid"),
    (&[Class::DeTaxId], "steuerid steueridnr steueridentifikationsnummer idnr steuernummer steueridentnummer \
      steueridentifikationsnr taxidde steuerlicheidentifikationsnummer"),
    (&[Class::DeIdCard], "personalausweisnr personalausweisnum ausweis ausweisdokument personalausweisid idcardde germanid germanidcard personalausweis personalausweisnummer ausweisnummer ausweisnr persoausweis perso"),
    (&[Class::DeInsurance], "rentenversicherung rentenversicherungsnr svnummer sozialversicherung krankenversicherung krankenversichertennr versichertennr kvnr kvnrnummer krankenkassennummer gesetzlicheversicherung rvnr sozialversicherungsnr rentenversicherungsnummer sozialversicherungsnummer svnummer rvnr svnr rvnummer \
      krankenversichertennummer krankenversicherungsnummer kvnr versichertennummer versicherungsnummer kvnummer"),
    (&[Class::FrNir], "secu nsecu numsecu noss numerosecuritesociale numerosecuritesoc numerodesecu securitesocialenumero nosecu numsecuritesociale nirnumber numeronir carte_vitale cartevitale nir insee numeroinsee numerodesecuritesociale securitesociale numerosecuritesociale numsecu \
      numerosecu nss numeross ssfr socialsecurityfr"),
    (&[Class::ItFiscalCode], "codicefiscale fiscalcode codfiscale cf codfisc codicefisc"),
    (&[Class::EsNif], "numeronif numeronie numerodenif nifnie nifcif docidentidad dniespanol numerodnie dninumero nif nie dni dninie nifnie cif numerodni numerodedni documentonacional"),
    (&[Class::PtNif], "nif nifpt contribuinte numerodecontribuinte numerocontribuinte numeronif"),
    (&[Class::NlBsn], "bsn bsnnummer burgerservicenummer sofinummer sofi bsnnumber"),
    (&[Class::BeNrn], "nrn rijksregisternummer rijksregister numeronational registrenational numeroregistrenational \
      insz niss nationalregisternumber rrn nationalnumber"),
    (&[Class::ChAhv], "ahv ahvnummer ahvnr avs numeroavs avsnumber ahvn13 navs sozialversicherungsnummer ahvnumber"),
    (&[Class::AtSvnr], "svnr svnummer sozialversicherungsnummer svnrat versicherungsnummer"),
    (&[Class::IePps], "pps ppsn ppsnumber ppsno personalpublicservicenumber"),
    (&[Class::PlPesel], "pesel numerpesel peselnumber nrpesel"),
    (&[Class::SePersonnummer], "personnummer samordningsnummer personnr pnr personalidentitynumber swedishid"),
    (&[Class::NoFnr], "fodselsnummer fnr fodselsnr dnummer personnummer fnumber fodselnummer"),
    (&[Class::DkCpr], "cpr cprnummer cprnr personnummer cprnumber cprno"),
    (&[Class::FiHetu], "henkilotunnus hetutunnus henkilötunnus finnishid personalidentitycodefi hetu henkilotunnus personalidentitycode personbeteckning sotu"),
    (&[Class::CzBirthNumber], "rodnecislo rc birthnumber rodnec"),
    (&[Class::RoCnp], "cnp codnumericpersonal cnpnumber"),
    (&[Class::BgEgn], "единенгражданскиномер гражданскиномер единенномер егн единенгражданскиномер egnnumber egn egnnumber egnno"),
    (&[Class::HrOib], "oibbroj osobniid oib oibnumber osobniidentifikacijskibroj"),
    (&[Class::TrTckn], "tckimliknumarasi tckimlikno kimliknumarasi tckimliknum kimlikno tcnumarasi turkishid turkishidnumber tckn tckimlik tckimlikno tcno kimlikno tckimliknumarasi tc tckimliknumber tcidentity"),
    (&[Class::BrCpf], "cpf cpfnumber numerocpf numerodocpf cpfcnpj cpfno"),
    (&[Class::BrCnpj], "cnpj cnpjnumber numerocnpj numerodocnpj cpfcnpj cnpjno"),
    (&[Class::ArCuit], "cuit cuil cuitcuil cuitnumber cuilnumber numerodecuit"),
    (&[Class::ClRut], "rut run rutnumber rolunicotributario rutno rutrun"),
    (&[Class::MxCurp], "curp clavecurp curpnumber claveunicaderegistro"),
    (&[Class::MxRfc], "rfc rfcnumber registrofederaldecontribuyentes clavefiscal rfcclave"),
    (&[Class::KrRrn], "rrn jumin juminno residentregistrationnumber residentregistrationno jumindeungnokbeonho \
      주민등록번호 주민번호 krrrn"),
    (&[Class::SgNric], "nric fin nricfin nricno nricnumber finnumber finno nricnum"),
    (&[Class::ThId], "เลขบัตรประชาชน บัตรประชาชน เลขบัตร thaiidno thaiid thainationalid thaicitizenid citizenid thaiidcard thaiidnumber เลขประจำตัวประชาชน"),
    (&[Class::CnResidentId], "residentid residentidentitynumber residentidnumber shenfenzheng shenfenzhenghao sfzh \
      chineseid residentidcard 身份证 身份证号 身份证号码 公民身份号码"),
    (&[Class::JpMyNumber], "kojinbangou 個人番號 mynumbercard mynumber individualnumber kojinbango mynumberjp マイナンバー 個人番号"),
    (&[Class::TwId], "身分證號 身份證號 身分證號碼 身份證字號 統一編號 roc rocidnumber taiwanid twid twnationalid rocid 身分證 身分證字號 國民身分證統一編號"),
    (&[Class::HkId], "身份證號碼 身份證 香港身份证 hkidcard hkid hkidno hkidnumber hongkongid hongkongidentitycard hkic 香港身份證 香港身份證號碼"),
    (&[Class::IlId], "תז מספרזהות ת.ז teudatzehut teudat tz mispar misparzehut israeliid zehut israelid תעודתזהות"),
    (&[Class::ZaId], "southafricaidnumber rsaidno saidno said saidnumber said southafricanid rsaid southafricanidnumber zaid idnumberza rsaidnumber"),
    (&[Class::NgNin], "nin nationalidentificationnumber ninnumber nigerianin ninno nimc"),
    (&[Class::MedicalRecord], "medicalrecordid patientref patientrecord patientrecordnumber hospitalid hospitalno clinicid numeropaciente numerohistoria numerocartella numeroprocesso 診察券番号 병록번호 환자번호 mrn medicalrecord medicalrecordnumber medicalrecordno medrec medrecno patientid \
      patientnumber patientno patientidentifier chartnumber chartno hospitalnumber healthrecord healthrecordnumber \
      patientennummer patientenid fallnummer numerodossier dossiermedical numerodepatient historiaclinica \
      numerodehistoria cartellaclinica prontuario patientnummer mrnumber mrnnumber 病历号 カルテ番号 患者番号"),
    (&[Class::HealthPlan], "insuranceno insurancepolicy insurancepolicyno healthinsuranceno healthplanmemberid healthplanidnumber policyid membershipnumber membershipid versicherungsscheinnummer policennummer numeropoliza numeropolice numeroadherent numeroassure 健康保険 保険者番号 保险号 보험번호 healthplan healthplanid healthplannumber memberid membernumber insuranceid \
      insurancenumber insurancememberid policyholderid subscriberid healthinsurance healthinsurancenumber \
      healthinsuranceid beneficiaryid planmemberid groupnumber insurancepolicynumber policynumber policyno \
      hicn medicaidid medicaidnumber healthid carteid mutuelle tarjetasanitaria tesserasanitaria healthcard \
      healthcardnumber payermemberid insuredid"),
    (&[Class::Password], "password passwords passwd pwd pass passphrase passcode userpassword dbpassword \
      rootpassword adminpassword secretpassword newpassword oldpassword currentpassword temppassword kennwort passwort \
      motdepasse mdp contrasena clave contrasenia senha wachtwoord haslo losenord parola passwordplain pgpassword \
      mysqlpassword redispassword smtppassword loginpassword wifipassword wpapsk psk unlockcode userpass dbpass \
      mysqlpwd rootpw adminpw パスワード 密码 비밀번호"),
    (&[Class::Secret], "secret secrets apisecret clientsecret appsecret secretkey consumersecret signingsecret \
      sharedsecret webhooksecret jwtsecret sessionsecret encryptionkey signingkey masterkey hmackey hmacsecret \
      privatekey cryptokey secretaccesskey awssecretaccesskey awssecretkey awssecret storagekey accountkey \
      connectionsecret aeskey datakey keymaterial totpsecret otpsecret mfasecret seedphrase mnemonic recoveryphrase \
      recoverycode backupcode pepper encryptionsecret cookiesecret servicekey licensekey"),
    (&[Class::ApiKey], "apikey apikeys xapikey apitoken apikeyid accesskey accesstoken authtoken token tokens \
      bearertoken refreshtoken idtoken sessiontoken securitytoken awssessiontoken personalaccesstoken pat \
      oauthtoken usertoken bottoken githubtoken gitlabtoken npmtoken slacktoken webhooktoken deploytoken servicetoken \
      accesskeyid csrftoken xsrftoken jwttoken authkey subscriptionkey ocpapimsubscriptionkey functionkey \
      integrationkey ingestkey apiaccesskey apiauth apicredential"),
    (&[Class::AuthHeader], "authorization proxyauthorization authheader authorizationheader basicauth bearer \
      authenticationheader"),
    (&[Class::Cookie], "appsession hostsession websession usersession laravelsession racksession securesession cookie cookies setcookie sessioncookie sessid sessionid phpsessid jsessionid sid connectsid \
      aspnetsessionid csrfcookie authcookie"),
];

/// What names no class, and says how to read those that do.
#[rustfmt::skip]
const OTHERS: &[(Hints, &str)] = &[
    (Hints::SERIAL, "order orders invoice tracking sku ean isbn upc gtin serial ticket epoch ts parcel shipment \
      barcode batch lot orderid ordernumber orderno invoiceid invoicenumber trackingnumber serialnumber ticketid \
      asin mpn partnumber productid skuid transactionid requestid traceid spanid messageid"),
    (Hints::VERSION, "clause article paragraph subsection appendix annex abschnitt kapitel absatz paragraf seccion capitulo apartado sezione capitolo artikel artículo articulo oid version ver v release build section chapter firmware revision rev semver kernel driver"),
    (Hints::SERIAL, "timestamp"),
    (Hints::ABOUT, "verified type count policy required format model brand provider enabled valid validated \
      status hash length size id ids at time date code ext extension prefix exp expiry expires expiration \
      index total amount limit four updated created modified deleted changed masked redacted encrypted hashed \
      last4 lastfour lastdigits first6 bin regex pattern rule rules field fields column columns label description \
      hint placeholder help helptext error errors message messages schema template example examples attempts retries \
      strength minlength maxlength min max expired rotated rotation rotationdays age days hours minutes seconds ttl \
      lifetime usage used remaining quota ratio percent percentage optin consent \
      visible hidden public allowed blocked denied supported available present missing exists isset reset url uri href \
      link endpoint path file filename filepath dir directory port region zone locale language \
      lang currency country countrycode areacode kind category class version ver v release build section \
      chapter firmware revision rev semver kernel algorithm alg cipher digest checksum sha256 sha1 md5 \
      fingerprint timestamp issued issuer issuedat scope scopes claim claims granttype tokentype \
      generator validator service vault helper util utils resolver handler strategy plugin module \
      provisioning changedat lastused lastlogin lastchanged reminder question answer prompt title heading text_length"),
    (Hints::GENERIC, "temporanea temporaire temporal provisorio provisoire temporary temp initial broj cislo numarasi liczba szam nomor numéro numaralari number numbers value values no num nr home work primary secondary main personal office day \
      evening emergency other default raw full digits nummer numero numer current new old first second third item \
      items data entry private alternate alternative alt billing shipping mailing number1 number2 nbr string plain \
      actual content body text"),
    (Hints::NAME, "name names nom nombre nome naam nazwa nm"),
    (Hints::SOMEBODY, "customer customers client clients user users person persons people patient patients employee \
      employees staff member members contact contacts owner owners author authors sender senders recipient \
      recipients guest guests passenger passengers student students teacher teachers doctor doctors physician \
      applicant applicants candidate candidates beneficiary beneficiaries subscriber subscribers insured claimant \
      tenant_contact cardholders holder holders driver drivers witness manager managers spouse child children parent parents \
      mother father guardian borrower lender debtor creditor buyer buyers seller sellers payer payee attendee \
      attendees participant participants signer signers signatories manager_contact assignee reporter requester \
      requestor kunde kunden mitarbeiter patientin benutzer ansprechpartner cliente clientes empleado paciente utente \
      paziente dipendente utilisateur salarie klant medewerker klient pacjent pracownik resident residents citizen \
      visitor visitors donor donors nurse kin relative lead leads prospect prospects billto shipto from to cc bcc \
      who whom mr mrs ms dr"),
    (Hints::SOMETHING, "server servers host hosts file files tool tools service services product products project \
      projects repo repository repositories branch tag package packages module app apps application applications \
      company companies organization organisation org team group groups role roles channel device devices machine \
      node nodes pod container cluster database db table column field schema event events job jobs task tasks \
      workflow pipeline queue topic index bucket key keys file_name dataset model models city country state street \
      bank branch_name shop store hotel restaurant school hospital department dept school_name domain dns network \
      interface plan policy category tag_name item_name resource resources prompt prompts template function class \
      method variable param parameter argument environment env namespace tenant account_type logger user_agent \
      display nick nickname login screen user_name account handle file_type brand vendor supplier carrier"),
    (Hints::NONE, "microphone headphone headphones username loginname screenname useragent iphone smartphone \
      hostname filename mailbox mailserver mailhost mailto emailtemplate passive compass passthrough bypass \
      passed passfail passrate accountid accountname accounttype businessname companyname addressbook \
      passwordmanager secretmanager secretsmanager passwordstore callcenter callid callcount calltype cardinality discard dashboard keyword keywords"),
];

#[cfg(test)]
mod tests {
    use super::{CLASSES, OTHERS, PHRASE_BYTES_MAX, SLOTS, by_last_word, of};
    use crate::class::Class;

    #[test]
    fn every_phrase_is_found_and_means_what_its_rows_say() {
        for (classes, phrases) in CLASSES {
            for phrase in phrases.split_ascii_whitespace() {
                let hints = of(phrase.as_bytes()).unwrap();
                assert!(classes.iter().all(|class| hints.names(*class)), "{phrase}");
            }
        }
        assert_eq!(of(b"verymuchunknown"), None);
    }

    #[test]
    fn table_has_room_and_no_phrase_is_too_long_to_be_found() {
        let phrases = CLASSES.iter().map(|row| row.1).chain(OTHERS.iter().map(|row| row.1));
        let phrases: Vec<_> = phrases.flat_map(str::split_ascii_whitespace).collect();
        assert!(phrases.len() * 2 < SLOTS, "{}", phrases.len());
        assert!(phrases.iter().all(|phrase| phrase.len() <= PHRASE_BYTES_MAX));
    }

    #[test]
    fn no_word_decides_alone_that_may_be_the_end_of_a_longer_phrase() {
        let phrases = CLASSES.iter().map(|row| row.1).chain(OTHERS.iter().map(|row| row.1));
        let phrases: Vec<_> = phrases.flat_map(str::split_ascii_whitespace).collect();
        for phrase in &phrases {
            for start in 1..phrase.len() {
                assert_eq!(by_last_word(&phrase.as_bytes()[start..]), None, "{phrase} {start}");
            }
        }
        let alone = phrases.iter().filter(|phrase| by_last_word(phrase.as_bytes()).is_some());
        assert!(alone.count() > phrases.len() / 4);
    }

    #[test]
    fn no_phrase_that_names_a_class_takes_its_meaning_back() {
        for (classes, phrases) in CLASSES {
            for phrase in phrases.split_ascii_whitespace() {
                let hints = of(phrase.as_bytes()).unwrap();
                assert!(!hints.has(super::Hints::ABOUT), "{phrase} of {classes:?}");
            }
        }
        assert!(of(b"pan").unwrap().names(Class::InPan));
    }
}
