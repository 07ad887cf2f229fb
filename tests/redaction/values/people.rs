//! People, companies, streets and mail domains. Names are of the commonest ones in each country's
//! statistics; domains are not those that RFC 2606 keeps for documentation.

use crate::rng::Rng;

/// First names, last names, streets, places with postcodes, the order of an address.
pub struct Land {
    pub first: &'static [&'static str],
    pub last: &'static [&'static str],
    pub streets: &'static [&'static str],
    pub places: &'static [&'static str],
    /// `S` street, `N` house number, `P` place with postcode.
    pub address: &'static str,
}

pub const LANDS: [Land; 10] = [
    Land {
        first: &["James", "Mary", "Robert", "Patricia", "Jennifer", "Michael", "Linda", "Karen"],
        last: &["Smith", "Johnson", "Williams", "Brown", "Jones", "Garcia", "Miller", "O'Connor"],
        streets: &["Maple Avenue", "Oak Street", "Washington Blvd", "Elm St", "Sunset Drive"],
        places: &[
            "Austin, TX 78701",
            "Portland, OR 97205",
            "Columbus, OH 43215",
            "Tampa, FL 33602",
        ],
        address: "N S, P",
    },
    Land {
        first: &["Oliver", "Amelia", "George", "Isla", "Harry", "Ava", "Noah", "Siobhan"],
        last: &["Taylor", "Davies", "Evans", "Wilson", "Thomas", "Roberts", "Walker", "MacDonald"],
        streets: &["High Street", "Church Lane", "Victoria Road", "Station Road", "Mill Lane"],
        places: &["London SW1A 2AA", "Leeds LS1 4AP", "Bristol BS1 5TR", "Glasgow G2 8DL"],
        address: "N S, P",
    },
    Land {
        first: &["Lukas", "Anna", "Jürgen", "Sabine", "Maximilian", "Katrin", "Jörg", "Lena"],
        last: &["Müller", "Schmidt", "Schneider", "Fischer", "Weber", "Schäfer", "Krüger", "Vogel"],
        streets: &["Hauptstraße", "Bahnhofstr.", "Gartenweg", "Lindenallee", "Goethestraße"],
        places: &["10117 Berlin", "80331 München", "50667 Köln", "20095 Hamburg"],
        address: "S N, P",
    },
    Land {
        first: &["Jean", "Marie", "Léa", "Hugo", "Chloé", "Émile", "Camille", "François"],
        last: &["Martin", "Bernard", "Dubois", "Petit", "Lefèvre", "Moreau", "Girard", "Roux"],
        streets: &["rue de la République", "avenue Victor Hugo", "rue du Moulin", "quai Voltaire"],
        places: &["75001 Paris", "69002 Lyon", "31000 Toulouse", "44000 Nantes"],
        address: "N S, P",
    },
    Land {
        first: &["María", "José", "Lucía", "Alejandro", "Carmen", "Javier", "Núria", "Íñigo"],
        last: &["García", "Fernández", "López", "Martínez", "Pérez", "Muñoz", "Ruiz", "Álvarez"],
        streets: &["Calle Mayor", "Avenida de la Constitución", "Calle Real", "Paseo del Prado"],
        places: &["28013 Madrid", "08002 Barcelona", "41001 Sevilla", "46002 Valencia"],
        address: "S N, P",
    },
    Land {
        first: &["Giulia", "Marco", "Francesca", "Luca", "Chiara", "Alessandro", "Sofia", "Matteo"],
        last: &["Rossi", "Russo", "Ferrari", "Esposito", "Bianchi", "Romano", "Colombo", "Ricci"],
        streets: &["Via Roma", "Via Garibaldi", "Corso Italia", "Piazza del Duomo", "Via Dante"],
        places: &["00184 Roma", "20121 Milano", "80132 Napoli", "10121 Torino"],
        address: "S N, P",
    },
    Land {
        first: &["João", "Ana", "Beatriz", "Tiago", "Inês", "Pedro", "Conceição", "Rui"],
        last: &["Silva", "Santos", "Ferreira", "Oliveira", "Costa", "Gonçalves", "Araújo", "Lima"],
        streets: &[
            "Rua Augusta",
            "Avenida da Liberdade",
            "Rua de Santa Catarina",
            "Rua das Flores",
        ],
        places: &["1100-053 Lisboa", "4000-447 Porto", "01310-100 São Paulo", "3000-150 Coimbra"],
        address: "S, N, P",
    },
    Land {
        first: &["Daan", "Emma", "Sanne", "Bram", "Lotte", "Thijs", "Femke", "Jeroen"],
        last: &[
            "de Jong",
            "Jansen",
            "de Vries",
            "van den Berg",
            "Bakker",
            "Visser",
            "Smit",
            "Mulder",
        ],
        streets: &["Kerkstraat", "Dorpsstraat", "Molenweg", "Prinsengracht", "Schoolstraat"],
        places: &["1017 AB Amsterdam", "3511 CD Utrecht", "3011 XZ Rotterdam", "9712 KL Groningen"],
        address: "S N, P",
    },
    Land {
        first: &[
            "Jan",
            "Katarzyna",
            "Piotr",
            "Małgorzata",
            "Łukasz",
            "Agnieszka",
            "Paweł",
            "Zofia",
        ],
        last: &[
            "Nowak",
            "Kowalska",
            "Wiśniewski",
            "Wójcik",
            "Kamiński",
            "Zielińska",
            "Mazur",
            "Król",
        ],
        streets: &["ul. Długa", "ul. Marszałkowska", "al. Jerozolimskie", "ul. Piękna"],
        places: &["00-272 Warszawa", "30-001 Kraków", "50-101 Wrocław", "80-831 Gdańsk"],
        address: "S N, P",
    },
    Land {
        first: &["Priya", "Arjun", "Wei", "Min-jun", "Yuki", "Haruto", "Fatima", "Nguyen"],
        last: &["Sharma", "Patel", "Chen", "Kim", "Tanaka", "Suzuki", "Al-Hassan", "Tran"],
        streets: &["MG Road", "Nanjing Road West", "Orchard Road", "Sheikh Zayed Road"],
        places: &["Bengaluru 560001", "Shanghai 200040", "Singapore 238839", "Dubai"],
        address: "N S, P",
    },
];

/// Names in scripts of their own, family name first.
pub const EASTERN_NAMES: [&str; 6] =
    ["田中 太郎", "佐藤花子", "김민준", "이서연", "王小明", "陈丽华"];

pub const DOMAINS: [&str; 24] = [
    "gmail.com",
    "outlook.com",
    "yahoo.co.uk",
    "web.de",
    "gmx.net",
    "orange.fr",
    "libero.it",
    "proton.me",
    "icloud.com",
    "hotmail.es",
    "sapo.pt",
    "ziggo.nl",
    "wp.pl",
    "naver.com",
    "qq.com",
    "bluewin.ch",
    "telenet.be",
    "uol.com.br",
    "northwind-traders.com",
    "fabrikam.io",
    "mail.acme-logistics.eu",
    "hr.contoso.co.nz",
    "tailspin.travel",
    "k12.wa.us",
];

pub const COMPANIES: [&str; 10] = [
    "Northwind Traders",
    "Fabrikam",
    "Contoso",
    "Tailspin Toys",
    "Litware",
    "Proseware",
    "Adventure Works",
    "Wingtip",
    "Blue Yonder",
    "Lamna Healthcare",
];

pub struct Person {
    pub first: &'static str,
    pub last: &'static str,
    pub land: &'static Land,
}

impl Person {
    pub fn draw(rng: &mut Rng) -> Person {
        let land = rng.pick(&LANDS);
        Person { first: rng.word(land.first), last: rng.word(land.last), land }
    }

    pub fn address(&self, rng: &mut Rng) -> String {
        let number = rng.range(1, 180);
        let suffix = *rng.pick(&["", "", "", "a", "b"]);
        let street = *rng.pick(self.land.streets);
        let place = *rng.pick(self.land.places);
        let one = |c| match c {
            'S' => street.to_owned(),
            'N' => format!("{number}{suffix}"),
            'P' => place.to_owned(),
            other => String::from(other),
        };
        self.land.address.chars().map(one).collect()
    }

    /// Street and house number alone.
    pub fn street(&self, rng: &mut Rng) -> String {
        let address = self.address(rng);
        let parts: Vec<&str> = address.split(", ").collect();
        let keep = if self.land.address.starts_with("S,") { 2 } else { 1 };
        parts.iter().take(keep).copied().collect::<Vec<_>>().join(", ")
    }

    /// First and last name in the letters of a mail address.
    pub fn ascii(&self) -> (String, String) {
        (ascii(self.first), ascii(self.last))
    }
}

fn ascii(name: &str) -> String {
    let one = |c: char| match c {
        'ä' | 'á' | 'à' | 'ã' | 'â' => "a",
        'é' | 'è' | 'ê' => "e",
        'ü' | 'ú' => "u",
        'ö' | 'ó' | 'ô' => "o",
        'í' => "i",
        'ñ' | 'ń' => "n",
        'ç' => "c",
        'ł' => "l",
        'ś' => "s",
        'ę' => "e",
        'ß' => "ss",
        _ => "",
    };
    let lower = name.to_lowercase();
    let letters =
        lower.chars().map(|c| if c.is_ascii_lowercase() { c.into() } else { one(c).to_owned() });
    letters.collect()
}
