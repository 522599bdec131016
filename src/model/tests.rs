use super::*;

#[test]
fn port_ranges_parse_in_four_spellings() {
    for (text, printed) in [
        ("22", "22"),
        ("22/22", "22"),
        ("8000-8010", "8000-8010"),
        ("1/65535", "1-65535"),
    ] {
        assert_eq!(text.parse::<PortRange>().unwrap().to_string(), printed);
    }
    for text in [
        "", "0", "65536", "200/1", "22,80", "+22", " 22", "22-", "-1/-1",
    ] {
        assert!(text.parse::<PortRange>().is_err(), "{text}");
    }
}

#[test]
fn a_cidr_with_host_bits_names_the_network_that_was_meant() {
    let error = "10.1.2.3/8".parse::<Cidr>().unwrap_err();
    let network = Cidr::parse_masking("10.0.0.0/8").unwrap();
    assert_eq!(
        error,
        CidrError::HostBits {
            written: "10.1.2.3/8".into(),
            network
        }
    );
}

/// Most rules name one that is read in a shorter way.
#[test]
fn networks_are_read_as_the_general_parser_reads_them() {
    let odd = "/8 10.0.0.0/ 10.0.0/8 10.0.0.0/+8 10.0.0.0/08 010.0.0.0/8 ::/0 256.0.0.0/8";
    let mut texts: Vec<String> = odd.split(' ').map(str::to_owned).collect();
    for length in 0..=40 {
        let addresses = ["0.0.0.0", "10.200.30.4", "255.255.255.255"];
        texts.extend(addresses.map(|address| format!("{address}/{length}")));
    }
    for text in texts {
        let general = text.parse::<ipnet::IpNet>().ok().map(Cidr::new);
        assert_eq!(Cidr::parse_masking(&text).ok(), general, "{text}");
    }
}

#[test]
fn spellings_of_one_network_are_equal() {
    for (a, b) in [
        ("192.0.2.7", "192.0.2.7/32"),
        ("2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::1/128"),
    ] {
        assert_eq!(a.parse::<Cidr>(), b.parse::<Cidr>());
    }
}

#[test]
fn priorities_outside_1_to_100_cannot_be_declared() {
    for value in [i64::MIN, -1, 0, 101, 110, 257, i64::MAX] {
        assert_eq!(Priority::new(value), Err(PriorityError(value)));
    }
    assert_eq!(Priority::new(100), Ok(Priority::WEAKEST));
}
