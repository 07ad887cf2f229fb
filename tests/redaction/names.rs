//! By which names people and programs call a value: member names, column heads, labels. From
//! public API references, national forms and the authorities' own words, not from any detector.

/// The names of a class.
pub struct Names {
    pub class: &'static str,
    /// Of a hundred labels how many tenths; the core six have most.
    pub weight: u32,
    /// Member names as words joined by `_`, in lower case unless the script has none.
    pub keys: &'static [&'static str],
    /// Labels in prose, forms and column heads.
    pub labels: &'static [&'static str],
}

const fn names(
    class: &'static str,
    weight: u32,
    keys: &'static [&'static str],
    labels: &'static [&'static str],
) -> Names {
    Names { class, weight, keys, labels }
}

pub fn of(class: &str) -> &'static Names {
    NAMES.iter().find(|names| names.class == class).unwrap()
}

#[rustfmt::skip]
pub const NAMES: [Names; 89] = [
    names("email", 620,
        &["email", "email_address", "contact_email", "e_mail", "mail", "user_email", "reply_to", "correo", "courriel", "to_address", "メール"],
        &["Email", "E-mail", "Email address", "E-Mail-Adresse", "Adresse e-mail", "Correo electrónico", "Indirizzo email", "Adres e-mail", "メールアドレス", "邮箱"]),
    names("phone", 620,
        &["phone", "phone_number", "mobile", "tel", "telephone", "cell_phone", "msisdn", "contact_number", "whatsapp_number", "telefon", "téléphone", "telefono", "fax", "電話番号", "手机号"],
        &["Phone", "Tel.", "Mobile", "Telephone number", "Telefon", "Handy", "Téléphone", "Teléfono", "Cellulare", "Telemóvel", "Telefoonnummer", "Numer telefonu", "電話番号", "전화번호", "手机"]),
    names("card", 600,
        &["card_number", "credit_card", "cc_number", "pan", "card", "card_no", "payment_card_number", "kreditkarte", "numero_tarjeta", "卡号"],
        &["Card number", "Credit card", "Card no.", "Kreditkartennummer", "Numéro de carte", "Número de tarjeta", "Numero carta", "Creditcardnummer", "Numer karty", "カード番号"]),
    names("ip", 600,
        &["ip", "ip_address", "client_ip", "remote_addr", "source_ip", "x_forwarded_for", "last_login_ip", "peer_ip", "host_ip", "src_ip"],
        &["IP", "IP address", "Client IP", "Remote address", "IP-Adresse", "Adresse IP", "Dirección IP", "Indirizzo IP", "Adres IP"]),
    names("iban", 580,
        &["iban", "bank_iban", "account_iban", "iban_number", "creditor_iban", "beneficiary_iban", "kontonummer_iban"],
        &["IBAN", "IBAN-Nr.", "Code IBAN", "Account (IBAN)", "Numer IBAN", "IBAN number", "Bankverbindung"]),
    names("us_ssn", 580,
        &["ssn", "social_security_number", "ssn_number", "social_security_no", "taxpayer_ssn", "employee_ssn", "soc_sec_num"],
        &["SSN", "Social Security Number", "Social Security No.", "Social security #", "SS#", "Número de Seguro Social"]),
    names("postal_address", 170,
        &["address", "street", "street_address", "address_line_1", "billing_address", "home_address", "shipping_address", "anschrift", "adresse", "direccion", "indirizzo", "morada", "住所"],
        &["Address", "Street address", "Home address", "Anschrift", "Adresse", "Dirección", "Indirizzo", "Morada", "Adres", "住所"]),
    names("person_name", 190,
        &["full_name", "first_name", "last_name", "customer_name", "surname", "patient_name", "contact_name", "account_holder", "cardholder_name", "nachname", "nom_complet", "apellidos", "姓名", "氏名", "이름"],
        &["Full name", "Customer name", "Patient name", "Cardholder", "Vor- und Nachname", "Nom et prénom", "Nombre completo", "Nome e cognome", "Nome completo", "Imię i nazwisko", "氏名", "姓名"]),
    names("date_of_birth", 160,
        &["date_of_birth", "dob", "birth_date", "birthdate", "birthday", "geburtsdatum", "date_naissance", "fecha_nacimiento", "data_nascita", "data_urodzenia", "geboortedatum", "生年月日", "생년월일"],
        &["Date of birth", "DOB", "Birth date", "Born", "Geburtsdatum", "Date de naissance", "Fecha de nacimiento", "Data di nascita", "Data de nascimento", "Geboortedatum", "Data urodzenia", "生年月日"]),
    names("mac", 110, &["mac", "mac_address", "hw_addr", "bssid", "ethernet_address", "wifi_mac"], &["MAC", "MAC address", "Hardware address", "HWaddr", "MAC-Adresse"]),
    names("geo", 110, &["location", "coordinates", "gps", "lat_lng", "geo_position", "home_location", "position"], &["Location", "GPS", "Coordinates", "GPS coordinates", "Standort", "Coordonnées GPS"]),
    names("imei", 100, &["imei", "device_imei", "imei_number", "imei_1"], &["IMEI", "IMEI number", "Device IMEI"]),
    names("imsi", 95, &["imsi", "subscriber_imsi", "imsi_number"], &["IMSI", "Subscriber IMSI"]),
    names("iccid", 95, &["iccid", "sim_iccid", "sim_number", "sim_serial_number"], &["ICCID", "SIM card number", "SIM ICCID"]),
    names("vin", 100, &["vin", "vehicle_identification_number", "vin_number", "chassis_number", "fahrgestellnummer"], &["VIN", "Vehicle identification number", "Chassis no.", "Fahrgestellnummer", "Número de bastidor"]),
    names("licence_plate", 100, &["license_plate", "licence_plate", "plate_number", "registration_plate", "number_plate", "kennzeichen", "kenteken", "matricula"], &["License plate", "Licence plate", "Number plate", "Kennzeichen", "Plaque d'immatriculation", "Matrícula", "Targa", "Kenteken", "Numer rejestracyjny"]),
    names("card_code", 100, &["cvv", "cvc", "cvv2", "security_code", "card_verification_value", "card_security_code", "kartenprüfnummer"], &["CVV", "CVC", "Card security code", "CVV2", "Security code", "Kartenprüfnummer", "Cryptogramme visuel"]),
    names("bank_account", 110, &["account_number", "bank_account", "bank_account_number", "acct_no", "account_no", "kontonummer", "numero_cuenta"], &["Account number", "Bank account", "Account no.", "Acct #", "Kontonummer", "Numéro de compte", "Número de cuenta", "Numer konta"]),
    names("us_routing", 105, &["routing_number", "aba", "aba_routing", "bank_routing_number", "aba_number", "routing_transit_number"], &["Routing number", "ABA", "ABA routing number", "Bank routing no.", "RTN"]),
    names("crypto_wallet", 120, &["wallet", "wallet_address", "btc_address", "eth_address", "payout_address", "crypto_address", "deposit_address"], &["Wallet", "Wallet address", "BTC address", "ETH address", "Payout wallet"]),
    names("passport", 110, &["passport", "passport_number", "passport_no", "reisepass", "numero_passeport", "pasaporte"], &["Passport", "Passport number", "Passport no.", "Reisepassnummer", "Numéro de passeport", "Número de pasaporte", "Numero passaporto", "Numer paszportu", "パスポート番号", "护照号码"]),
    names("driver_licence", 105, &["drivers_license", "driver_license_number", "driving_licence", "licence_number", "dl_number", "führerschein", "permis_de_conduire"], &["Driver's license", "Driver license no.", "Driving licence number", "DL#", "Führerscheinnummer", "Permis de conduire", "Permiso de conducir", "Rijbewijsnummer", "Prawo jazdy nr"]),
    names("national_id", 110, &["national_id", "national_id_number", "identity_number", "id_card_number", "citizen_id", "cnic", "mykad", "nik", "kennitala", "emirates_id"], &["National ID", "National identity number", "Identity card no.", "Emirates ID", "CNIC", "NIK", "Kennitala", "ID number"]),
    names("tax_id", 110, &["tax_id", "tax_number", "tin", "taxpayer_id", "ein", "npwp", "adoazonosito", "afm", "vat_number"], &["Tax ID", "Tax number", "TIN", "EIN", "Taxpayer ID", "NPWP", "Adóazonosító jel", "ΑΦΜ"]),
    names("us_itin", 100, &["itin", "us_itin", "individual_taxpayer_identification_number"], &["ITIN", "Individual Taxpayer Identification Number"]),
    names("us_npi", 100, &["npi", "npi_number", "provider_npi", "national_provider_identifier"], &["NPI", "NPI number", "National Provider Identifier"]),
    names("us_dea", 100, &["dea", "dea_number", "prescriber_dea", "dea_registration"], &["DEA", "DEA number", "DEA registration no.", "DEA #"]),
    names("us_mbi", 100, &["mbi", "medicare_beneficiary_identifier", "medicare_number", "medicare_id"], &["MBI", "Medicare number", "Medicare Beneficiary Identifier"]),
    names("uk_nhs", 100, &["nhs_number", "nhs_no", "nhs"], &["NHS number", "NHS No.", "NHS no"]),
    names("uk_nino", 100, &["nino", "national_insurance_number", "ni_number"], &["NINO", "National Insurance number", "NI number", "NI No."]),
    names("uk_utr", 95, &["utr", "unique_taxpayer_reference", "utr_number"], &["UTR", "Unique Taxpayer Reference", "UTR number"]),
    names("ca_sin", 100, &["sin", "social_insurance_number", "sin_number"], &["SIN", "Social Insurance Number", "Numéro d'assurance sociale", "NAS"]),
    names("au_tfn", 100, &["tfn", "tax_file_number"], &["TFN", "Tax file number"]),
    names("au_abn", 95, &["abn", "business_number", "australian_business_number"], &["ABN", "Australian Business Number"]),
    names("au_acn", 95, &["acn", "company_number", "australian_company_number"], &["ACN", "Australian Company Number", "A.C.N."]),
    names("au_medicare", 95, &["medicare_number", "medicare_card_number", "medicare_no"], &["Medicare number", "Medicare card no.", "Medicare No."]),
    names("nz_ird", 95, &["ird", "ird_number", "ird_no"], &["IRD number", "IRD", "IRD No."]),
    names("in_aadhaar", 100, &["aadhaar", "aadhaar_number", "aadhar", "uidai", "uid_aadhaar"], &["Aadhaar", "Aadhaar number", "Aadhaar No.", "UIDAI number", "आधार"]),
    names("in_pan", 100, &["pan", "pan_number", "pan_card", "permanent_account_number"], &["PAN", "PAN card", "Permanent Account Number", "PAN No."]),
    names("in_voter", 95, &["voter_id", "epic_number", "epic_no", "voter_card"], &["Voter ID", "EPIC No.", "Voter card", "EPIC number"]),
    names("in_gstin", 95, &["gstin", "gst_number", "gst_no"], &["GSTIN", "GST number", "GST No."]),
    names("de_tax_id", 100, &["steuer_id", "steueridentifikationsnummer", "idnr", "steuer_identifikationsnummer", "tax_id"], &["Steuer-ID", "Steueridentifikationsnummer", "Steuerliche Identifikationsnummer", "IdNr."]),
    names("de_id_card", 95, &["personalausweis", "ausweisnummer", "personalausweisnummer", "id_card_number"], &["Personalausweisnummer", "Ausweisnummer", "Personalausweis", "Ausweis-Nr."]),
    names("de_insurance", 95, &["sozialversicherungsnummer", "krankenversichertennummer", "rentenversicherungsnummer", "versichertennummer", "svnr"], &["Sozialversicherungsnummer", "Versichertennummer", "Rentenversicherungsnummer", "SV-Nummer", "Krankenversichertennummer"]),
    names("fr_nir", 100, &["nir", "numero_securite_sociale", "numero_secu", "num_secu"], &["NIR", "Numéro de sécurité sociale", "N° de sécurité sociale", "N° Sécu", "Numéro d'inscription au répertoire"]),
    names("it_fiscal_code", 100, &["codice_fiscale", "cod_fiscale", "fiscal_code"], &["Codice fiscale", "C.F.", "Cod. Fisc.", "Codice Fiscale"]),
    names("es_nif", 100, &["nif", "dni", "nie", "dni_nie", "numero_dni"], &["DNI", "NIF", "NIE", "Número de DNI", "DNI/NIE"]),
    names("pt_nif", 95, &["nif", "contribuinte", "numero_contribuinte", "nif_cliente"], &["NIF", "Contribuinte", "Número de contribuinte", "N.º de contribuinte"]),
    names("nl_bsn", 100, &["bsn", "burgerservicenummer", "bsn_nummer", "sofinummer"], &["BSN", "Burgerservicenummer", "BSN-nummer", "Sofinummer"]),
    names("be_nrn", 95, &["rijksregisternummer", "numero_national", "nrn", "niss", "insz"], &["Rijksregisternummer", "Numéro de registre national", "INSZ", "NISS", "Numéro national"]),
    names("ch_ahv", 95, &["ahv", "ahv_nummer", "ahvn13", "avs_number", "numero_avs"], &["AHV-Nummer", "AHV-Nr.", "Numéro AVS", "AHVN13", "Sozialversicherungsnummer"]),
    names("at_svnr", 95, &["svnr", "sozialversicherungsnummer", "sv_nummer"], &["SVNR", "Sozialversicherungsnummer", "SV-Nummer", "SV-Nr."]),
    names("ie_pps", 95, &["pps", "ppsn", "pps_number"], &["PPS number", "PPSN", "PPS No.", "Personal Public Service Number"]),
    names("pl_pesel", 100, &["pesel", "numer_pesel", "pesel_number"], &["PESEL", "Numer PESEL", "nr PESEL"]),
    names("se_personnummer", 100, &["personnummer", "person_nummer", "personal_identity_number", "pnr"], &["Personnummer", "Personnr", "Personal identity number"]),
    names("no_fnr", 95, &["fodselsnummer", "fnr", "personnummer", "fødselsnummer"], &["Fødselsnummer", "Fnr.", "Fødselsnr.", "Personnummer"]),
    names("dk_cpr", 95, &["cpr", "cpr_nummer", "personnummer", "cpr_number"], &["CPR-nummer", "CPR-nr.", "CPR", "Personnummer"]),
    names("fi_hetu", 95, &["hetu", "henkilotunnus", "henkilötunnus", "personal_identity_code"], &["Henkilötunnus", "HETU", "Henkilötunnus (HETU)", "Personbeteckning"]),
    names("cz_birth_number", 95, &["rodne_cislo", "birth_number", "rc", "rodné_číslo"], &["Rodné číslo", "RČ", "Birth number", "r. č."]),
    names("ro_cnp", 95, &["cnp", "cod_numeric_personal"], &["CNP", "Cod numeric personal", "C.N.P."]),
    names("bg_egn", 95, &["egn", "егн", "egn_number"], &["ЕГН", "EGN", "Единен граждански номер"]),
    names("hr_oib", 95, &["oib", "osobni_identifikacijski_broj"], &["OIB", "Osobni identifikacijski broj", "OIB broj"]),
    names("tr_tckn", 95, &["tckn", "tc_kimlik_no", "tc_kimlik", "kimlik_no"], &["TCKN", "T.C. Kimlik No", "TC Kimlik Numarası", "Kimlik No"]),
    names("br_cpf", 100, &["cpf", "cpf_cliente", "numero_cpf", "cpf_titular"], &["CPF", "CPF do titular", "Número do CPF", "CPF nº"]),
    names("br_cnpj", 95, &["cnpj", "cnpj_empresa", "numero_cnpj"], &["CNPJ", "CNPJ da empresa", "CNPJ nº"]),
    names("ar_cuit", 95, &["cuit", "cuil", "cuit_cuil"], &["CUIT", "CUIL", "CUIT/CUIL", "N° de CUIT"]),
    names("cl_rut", 95, &["rut", "run", "rut_cliente"], &["RUT", "RUN", "R.U.T.", "Rol Único Tributario"]),
    names("mx_curp", 95, &["curp", "clave_curp"], &["CURP", "Clave CURP", "Clave Única de Registro de Población"]),
    names("mx_rfc", 95, &["rfc", "rfc_receptor", "rfc_cliente"], &["RFC", "RFC receptor", "R.F.C.", "Registro Federal de Contribuyentes"]),
    names("kr_rrn", 95, &["rrn", "resident_registration_number", "주민등록번호", "jumin_no"], &["주민등록번호", "RRN", "Resident registration number", "주민번호"]),
    names("sg_nric", 95, &["nric", "nric_fin", "fin_number", "nric_no"], &["NRIC", "NRIC/FIN", "NRIC No.", "FIN"]),
    names("th_id", 95, &["thai_id", "citizen_id", "national_id", "เลขประจำตัวประชาชน"], &["Thai ID", "Thai national ID", "เลขประจำตัวประชาชน", "เลขบัตรประชาชน"]),
    names("cn_resident_id", 95, &["resident_id", "id_card_no", "身份证号", "shenfenzheng", "citizen_id_number"], &["身份证号", "身份证号码", "Resident ID", "公民身份号码"]),
    names("jp_my_number", 95, &["my_number", "individual_number", "マイナンバー", "個人番号", "kojin_bango"], &["マイナンバー", "個人番号", "My Number", "Individual number"]),
    names("tw_id", 95, &["national_id", "roc_id", "身分證字號", "tw_id_number"], &["身分證字號", "身分證號", "ROC ID", "National ID"]),
    names("hk_id", 95, &["hkid", "hkid_number", "hk_id_card", "身份證號碼"], &["HKID", "HKID No.", "香港身份證號碼", "Hong Kong identity card"]),
    names("il_id", 95, &["teudat_zehut", "israeli_id", "id_number", "תעודת_זהות"], &["תעודת זהות", "ת.ז.", "Teudat Zehut", "Israeli ID"]),
    names("za_id", 95, &["sa_id", "id_number", "south_african_id", "rsa_id_number"], &["SA ID number", "RSA ID", "South African ID", "ID number"]),
    names("ng_nin", 95, &["nin", "national_identification_number", "nimc_nin"], &["NIN", "National Identification Number", "NIN number"]),
    names("medical_record", 105, &["mrn", "medical_record_number", "patient_id", "patient_number", "chart_number", "patientennummer"], &["MRN", "Medical record number", "Patient ID", "Patient no.", "Patientennummer", "Numéro de dossier médical", "Nº de historia clínica"]),
    names("health_plan", 105, &["member_id", "insurance_member_id", "health_plan_id", "policy_number", "subscriber_id", "health_insurance_number"], &["Member ID", "Health plan ID", "Insurance policy number", "Subscriber ID", "Health insurance no."]),
    names("jwt", 120, &["id_token", "access_token", "jwt", "token", "session_token"], &["JWT", "Access token", "ID token", "Token"]),
    names("private_key", 100, &["private_key", "ssh_private_key", "tls_key", "signing_key", "key_pem"], &["Private key", "SSH key", "TLS key", "Deploy key"]),
    names("api_key", 330, &["api_key", "apikey", "access_key", "api_token", "x_api_key", "auth_token", "token"], &["API key", "API token", "Access key", "Token", "API-Schlüssel", "Clé d'API"]),
    names("password", 150, &["password", "passwd", "pwd", "db_password", "user_password", "smtp_pass", "passwort", "mot_de_passe", "contraseña", "senha", "hasło", "パスワード"], &["Password", "Passwort", "Kennwort", "Mot de passe", "Contraseña", "Password temporanea", "Senha", "Wachtwoord", "Hasło", "パスワード", "비밀번호", "密码"]),
    names("connection_string", 110, &["database_url", "connection_string", "dsn", "redis_url", "mongo_uri", "index_url"], &["Connection string", "DSN", "Database URL", "Verbindung"]),
    names("auth_header", 105, &["authorization", "proxy_authorization", "auth_header"], &["Authorization", "Proxy-Authorization"]),
    names("cookie", 105, &["cookie", "set_cookie"], &["Cookie", "Set-Cookie"]),
    names("secret", 110, &["client_secret", "secret_key", "signing_secret", "encryption_key", "webhook_secret", "app_secret", "secret_key_base", "totp_secret"], &["Client secret", "Secret key", "Signing secret", "Encryption key", "Webhook secret"]),
];

#[test]
fn every_built_in_class_has_names_and_values() {
    use sallyport::class::Class;
    let mut rng = crate::rng::Rng::new(1);
    for class in Class::BUILTIN {
        let made = crate::values::make(of(class.name()).class, &mut rng).unwrap();
        assert_eq!(made.class, class.name());
        assert!(!made.canonical().is_empty());
    }
    assert_eq!(NAMES.len(), Class::BUILTIN.len());
}
