use super::*;

fn read_rules(text: &str) -> Vec<String> {
    let rules = read(text).unwrap().rules;
    let shown = rules.iter().map(|rule| match &rule.rule {
        Ok(seen) => {
            let description = seen.rule.description.as_deref().unwrap_or_default();
            format!("{} [{description}]", seen.rule)
        }
        Err(problem) => problem.to_string(),
    });
    shown.collect()
}

#[test]
fn chinese_columns_and_words_are_read() {
    let text = "\u{feff}规则方向,授权策略,优先级,协议类型,端口范围,授权对象,描述\r\n\
        入方向,允许,1,TCP,443/443,0.0.0.0/0,\"公网, \"\"web\"\"\"\r\n\
        出方向,拒绝,100,全部,-1/-1,::/0,\r\n";
    assert_eq!(
        read_rules(text),
        [
            "ingress accept tcp/443 from 0.0.0.0/0 priority 1 [公网, \"web\"]",
            "egress drop all to ::/0 priority 100 []",
        ]
    );
}

#[test]
fn a_bad_row_leaves_the_others_alone_and_unknown_columns_are_told() {
    let text = "Direction,Policy,Priority,Protocol,Port Range,Source,Colour\n\
        ingress,accept,1,tcp,22,10.0.0.0/8,red\n\
        ingress,perhaps,1,tcp,22,10.0.0.0/8,\n\
        ingress,accept,110,tcp,22,10.0.0.0/8,\n\
        ingress,accept,1,tcp,80/22,10.0.0.0/8,\n";
    assert_eq!(
        read_rules(text),
        [
            "ingress accept tcp/22 from 10.0.0.0/8 priority 1 []",
            "`perhaps` is no policy",
            "priority 110 is outside 1..100",
            "PortRange is `80/22`, which this program does not know",
        ]
    );
    assert_eq!(read(text).unwrap().unknown_columns, ["Colour"]);
}

#[test]
fn columns_that_narrow_a_rule_must_be_there() {
    let error = read("Direction,Protocol,Source\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "it has no column for Policy, Priority; its columns are Direction, Protocol, Source"
    );
    assert_eq!(read("a,\"b\n"), Err(FileError::OpenQuote(1)));
    assert!(matches!(
        read("Policy,Action\n"),
        Err(FileError::SameColumns(..))
    ));
}
