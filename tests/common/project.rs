//! A project on the embedded cloud in a folder of its own, and the binary run in it.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

/// A cloud in which the group `every` has a rule of every shape that the API knows.
pub const EVERY_SHAPE: &str = r#"{
  "version": 1,
  "owner": "1234567890123456",
  "switches": {"classic_groups": true},
  "security_groups": [
    {"id": "sg-every", "name": "every", "vpc": "vpc-1", "description": "every: shape #1", "tags": {"team": "net"}, "rules": [
      {"IpProtocol": "TCP", "PortRange": "22/22", "SourceCidrIp": "203.0.113.77/24", "Description": "host bits"},
      {"IpProtocol": "TCP", "PortRange": "22/22", "SourceGroupId": "sg-peer", "Description": "a group"},
      {"IpProtocol": "TCP", "PortRange": "22/22", "SourceGroupId": "sg-far", "SourceGroupOwnerAccount": "9876543210987654", "Description": "a group of another account"},
      {"IpProtocol": "TCP", "PortRange": "443/443", "SourcePrefixListId": "pl-1", "Description": "a prefix list"},
      {"IpProtocol": "TCP", "PortRangeListId": "prl-1", "SourceCidrIp": "10.0.0.0/8", "Description": "a port list"},
      {"IpProtocol": "TCP", "PortRange": "80/80", "SourceCidrIp": "0.0.0.0/0", "Description": "web"},
      {"IpProtocol": "TCP", "PortRange": "443/443", "SourceCidrIp": "0.0.0.0/0", "Description": "web"},
      {"IpProtocol": "TCP", "PortRange": "80/80", "Ipv6SourceCidrIp": "::/0", "Description": "web"},
      {"IpProtocol": "TCP", "PortRange": "443/443", "Ipv6SourceCidrIp": "::/0", "Description": "web"},
      {"IpProtocol": "UDP", "PortRange": "53/53", "SourceCidrIp": "192.0.2.7", "Policy": "Drop", "Priority": 100},
      {"IpProtocol": "TCP", "PortRange": "7946/7946", "SourcePortRange": "1024/65535", "SourceCidrIp": "10.20.3.0/24", "DestCidrIp": "10.20.4.0/24", "Description": "five-tuple"},
      {"IpProtocol": "TCP", "PortRange": "1/65535", "SourcePortRange": "1/65535", "SourceCidrIp": "10.9.0.0/16", "Priority": 7},
      {"IpProtocol": "ICMP", "PortRange": "-1/-1", "SourceCidrIp": "0.0.0.0/0", "Description": "ping: \"quoted\", 公网, # no comment"},
      {"IpProtocol": "ICMPv6", "PortRange": "-1/-1", "Ipv6SourceCidrIp": "2001:0DB8::/32", "Description": "true"},
      {"IpProtocol": "GRE", "PortRange": "-1/-1", "SourceCidrIp": "198.51.100.0/24", "Description": "123"},
      {"IpProtocol": "ALL", "PortRange": "-1/-1", "SourceCidrIp": "172.16.0.0/12", "Description": "- all"},
      {"Direction": "egress", "IpProtocol": "ALL", "PortRange": "-1/-1", "DestCidrIp": "0.0.0.0/0", "Policy": "Drop", "Priority": 100, "Description": "nothing else"},
      {"Direction": "egress", "IpProtocol": "TCP", "PortRange": "3306/3306", "DestGroupId": "sg-peer", "Description": "=database"},
      {"Direction": "egress", "IpProtocol": "UDP", "PortRange": "514/514", "DestPrefixListId": "pl-1"},
      {"Direction": "egress", "IpProtocol": "TCP", "PortRange": "25/25", "Ipv6DestCidrIp": "2001:db8:20::/48", "Ipv6SourceCidrIp": "2001:db8:21::/48", "Priority": 3}
    ]},
    {"id": "sg-peer", "name": "peer", "vpc": "vpc-1", "rules": []},
    {"id": "sg-empty", "name": "empty", "vpc": "vpc-1", "rules": []},
    {"id": "sg-old", "name": "old", "vpc": "vpc-1", "rules": [
      {"IpProtocol": "ALL", "PortRange": "-1/-1", "SourceCidrIp": "0.0.0.0/0", "Priority": 110, "Description": "System created rule."},
      {"IpProtocol": "TCP", "PortRange": "22/22", "SourceCidrIp": "10.0.0.0/8"}
    ]},
    {"id": "sg-classic", "name": "classic", "rules": [
      {"IpProtocol": "TCP", "PortRange": "21/21", "SourceCidrIp": "192.0.2.64/28", "NicType": "internet", "Description": "public"},
      {"IpProtocol": "TCP", "PortRange": "21/21", "SourceCidrIp": "10.0.0.0/8", "NicType": "intranet", "Description": "private"},
      {"Direction": "egress", "IpProtocol": "TCP", "PortRange": "25/25", "DestCidrIp": "0.0.0.0/0", "NicType": "internet", "Policy": "Drop"}
    ]},
    {"id": "sg-managed", "name": "managed", "vpc": "vpc-1", "service_managed": true, "rules": [
      {"IpProtocol": "ALL", "PortRange": "-1/-1", "SourceCidrIp": "172.20.0.0/16", "Priority": 100}
    ]},
    {"id": "sg-abroad", "name": "abroad", "vpc": "vpc-2", "region": "ap-southeast-1", "rules": []}
  ],
  "prefix_lists": [{"id": "pl-1", "name": "lists", "family": "IPv4", "max_entries": 3, "entries": [{"Cidr": "100.64.0.0/24"}]}],
  "port_lists": [{"id": "prl-1", "name": "ports", "max_entries": 2, "entries": [{"PortRange": "8443/8443"}]}]
}"#;

const PROJECT: &str = "rules: rules/\naccounts: { demo: { local: .rulekeep/demo.json, seed: seed.json } }\n\
    defaults: { account: demo, region: cn-hangzhou }\n\
    networks: { world: [0.0.0.0/0, \"::/0\"], friends: sg-peer }\nservices: { web: [tcp/80, tcp/443] }\n";

/// A project without group files.
pub struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// On a cloud that starts as the seed says.
    pub fn new(seed: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = Self { folder };
        fs::write(project.path("seed.json"), seed).unwrap();
        fs::write(project.path("rulekeep.yaml"), PROJECT).unwrap();
        fs::create_dir(project.path("rules")).unwrap();
        project
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary without anything of the caller's environment that it listens to, and without a terminal.
    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        self.run_with(arguments, &[])
    }

    /// The same with variables of the environment.
    pub fn run_with(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> (i32, String, String) {
        let mut command = Command::new(snapbox::cmd::cargo_bin!("rulekeep"));
        for (name, _) in std::env::vars() {
            if name.starts_with("RULEKEEP_") || name.ends_with("_SHA") {
                command.env_remove(name);
            }
        }
        let Output {
            status,
            stdout,
            stderr,
        } = command
            .current_dir(self.folder.path())
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    /// The output of a run that succeeds.
    pub fn done(&self, arguments: &[&str]) -> String {
        let (code, out, error) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}\n{out}\n{error}");
        out
    }
}
