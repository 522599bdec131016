// The official Node.js SDK (signature V3) against `rulekeep emulate`, unchanged.
//
//     node node_sdk.mjs http://127.0.0.1:PORT
//
// The endpoint must take the key `testid` with the secret `testsecret`, and 2,000 rules in a group.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

// The folder with node_modules, which is not beside this file.
const require = createRequire(`${process.env.RULEKEEP_NODE}/`);
const ecs = require('@alicloud/ecs20140526');
const openapi = require('@alicloud/openapi-client');
const Client = ecs.default;

const endpoint = process.argv[2].replace('http://', '');
const regionId = 'cn-hangzhou';
const vpcId = 'vpc-bp1node0000000000000';
let checks = 0;

function connect(accessKeyId = 'testid', accessKeySecret = 'testsecret') {
  return new Client(new openapi.Config({ accessKeyId, accessKeySecret, regionId, endpoint, protocol: 'http' }));
}

function equal(got, want, what) {
  checks += 1;
  assert.deepEqual(got, want, what);
}

const client = connect();

/** Calls an action by its name; the request class is found by it. */
async function call(action, members, by = client) {
  const request = new ecs[`${action}Request`]({ regionId, ...members });
  return (await by[action[0].toLowerCase() + action.slice(1)](request)).body;
}

async function fails(code, status, action, members, by = client) {
  checks += 1;
  try {
    await call(action, members, by);
  } catch (error) {
    equal(error.code, code, `${action}: ${error.message}`);
    equal(error.statusCode ?? error.data?.statusCode, status, `status of ${code}`);
    return;
  }
  assert.fail(`${action} was accepted, want ${code}`);
}

async function rules(securityGroupId, maxResults) {
  const found = [];
  let nextToken;
  let pages = 0;
  do {
    const page = await call('DescribeSecurityGroupAttribute', { securityGroupId, maxResults, nextToken });
    found.push(...page.permissions.permission);
    nextToken = page.nextToken || undefined;
    pages += 1;
  } while (nextToken);
  return [found, pages];
}

function batch(first, count) {
  return Array.from({ length: count }, (_, n) => new ecs.AuthorizeSecurityGroupRequestPermissions({
    ipProtocol: 'UDP', portRange: `${first + n + 1}/${first + n + 1}`, sourceCidrIp: '10.0.0.0/8', priority: '3',
  }));
}

const { securityGroupId } = await call('CreateSecurityGroup', { vpcId, securityGroupName: 'node' });
const peer = (await call('CreateSecurityGroup', { vpcId, securityGroupName: 'peer' })).securityGroupId;
equal(securityGroupId.startsWith('sg-'), true, 'id of a group');

await fails('InvalidParameter', 400, 'AuthorizeSecurityGroup', { securityGroupId, permissions: batch(0, 101) });
for (let first = 0; first < 1100; first += 100) {
  await call('AuthorizeSecurityGroup', { securityGroupId, permissions: batch(first, 100) });
}
for (const [size, count] of [[1000, 2], [500, 3], [10, 110]]) {
  const [found, pages] = await rules(securityGroupId, size);
  equal(new Set(found.map((rule) => rule.securityGroupRuleId)).size, 1100, `rules in pages of ${size}`);
  equal(pages, count, `pages of ${size}`);
}
const [all] = await rules(securityGroupId, 1000);
const ids = all.map((rule) => rule.securityGroupRuleId);
await fails('InvalidParameter', 400, 'RevokeSecurityGroup', { securityGroupId, securityGroupRuleId: ids.slice(0, 101) });
for (let first = 0; first < 1100; first += 100) {
  await call('RevokeSecurityGroup', { securityGroupId, securityGroupRuleId: ids.slice(first, first + 100) });
}
equal((await rules(securityGroupId, 1000))[0], [], 'no rules');

await call('AuthorizeSecurityGroup', {
  securityGroupId,
  permissions: [new ecs.AuthorizeSecurityGroupRequestPermissions({
    ipProtocol: 'icmpv6', portRange: '-1/-1', ipv6SourceCidrIp: '2001:0DB8::/32', policy: 'drop', description: 'a b*~/入口',
  })],
});
const [[rule]] = await rules(securityGroupId);
for (const [name, value] of Object.entries({
  ipProtocol: 'ICMPV6', portRange: '-1/-1', ipv6SourceCidrIp: '2001:db8::/32', policy: 'Drop', direction: 'ingress',
  nicType: 'intranet', description: 'a b*~/入口', sourceCidrIp: '', sourceGroupId: '', sourcePortRange: '-1/-1',
})) {
  equal(rule[name], value, name);
}
equal(String(rule.priority), '1', 'priority');

const one = (members) => ({
  securityGroupId,
  permissions: [new ecs.AuthorizeSecurityGroupRequestPermissions({
    ipProtocol: 'TCP', portRange: '80/80', sourceCidrIp: '10.0.0.0/8', ...members,
  })],
});
for (const [code, status, members] of [
  ['InvalidIpProtocol.ValueNotSupported', 400, { ipProtocol: 'SCTP' }],
  ['InvalidParam.PortRange', 400, { portRange: '0/70000' }],
  ['OperationDenied', 400, { ipProtocol: 'GRE' }],
  ['InvalidSourceCidrIp.Malformed', 400, { sourceCidrIp: 'anywhere' }],
  ['InvalidParam.SourceIp', 400, { ipv6SourceCidrIp: '::/0' }],
  ['InvalidPriority.ValueNotSupported', 400, { priority: '0' }],
  ['InvalidPolicy.Malformed', 400, { policy: 'maybe' }],
  ['InvalidPrefixListId.NotFound', 404, { sourceCidrIp: undefined, sourcePrefixListId: 'pl-none' }],
  ['InvalidSourceGroupId.NotFound', 404, { sourceCidrIp: undefined, sourceGroupId: 'sg-none' }],
  ['InvalidPortRangeListId.NotFound', 400, { portRange: undefined, portRangeListId: 'prl-none' }],
]) {
  await fails(code, status, 'AuthorizeSecurityGroup', one(members));
}
await fails('InvalidOperation.ModifySgRuleEntityType', 400, 'ModifySecurityGroupRule', {
  securityGroupId, securityGroupRuleId: rule.securityGroupRuleId, sourceCidrIp: '10.0.0.0/8',
});
await fails('InvalidSecurityGroupId.NotFound', 404, 'DescribeSecurityGroupAttribute', { securityGroupId: 'sg-none' });
await fails('InvalidRegionId.NotFound', 404, 'DescribeSecurityGroups', { regionId: 'mars-1' });

await call('AuthorizeSecurityGroup', one({ sourceCidrIp: undefined, sourceGroupId: peer }));
await fails('DependencyViolation', 403, 'DeleteSecurityGroup', { securityGroupId: peer });
const { portRangeListId } = await call('CreatePortRangeList', {
  portRangeListName: 'node-list', maxEntries: 4, entry: [new ecs.CreatePortRangeListRequestEntry({ portRange: '80/80' })],
});
await call('AuthorizeSecurityGroup', one({ portRange: undefined, portRangeListId }));
const lists = await call('DescribePortRangeLists', { portRangeListId: [portRangeListId] });
equal([lists.portRangeLists[0].maxEntries, lists.portRangeLists[0].associationCount], [4, 1], 'port list');
await fails('InvalidPortRangeListId.AssociationExist', 400, 'DeletePortRangeList', { portRangeListId });

await call('TagResources', {
  resourceType: 'securitygroup', resourceId: [securityGroupId], tag: [new ecs.TagResourcesRequestTag({ key: 'env', value: 'test' })],
});
const tags = await call('ListTagResources', { resourceType: 'securitygroup', resourceId: [securityGroupId] });
equal(tags.tagResources.tagResource.map((tag) => [tag.tagKey, tag.tagValue]), [['env', 'test']], 'tags');
const groups = await call('DescribeSecurityGroups', { tag: [new ecs.DescribeSecurityGroupsRequestTag({ key: 'env' })], maxResults: 10 });
equal(groups.securityGroups.securityGroup.map((group) => group.securityGroupId), [securityGroupId], 'groups by tag');

await fails('SignatureDoesNotMatch', 400, 'DescribeRegions', {}, connect('testid', 'wrong'));
await fails('InvalidAccessKeyId.NotFound', 404, 'DescribeRegions', {}, connect('nobody'));
console.log(`${checks} checks passed`);
