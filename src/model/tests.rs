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
