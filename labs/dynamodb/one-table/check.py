from cloudkata.checking import fidelity, hint, needs, points
import time, json
from collections import Counter
def test_a(program, trace, aws, inputs, request):
    """x"""
    out=[]
    now=lambda: time.clock_gettime(time.CLOCK_MONOTONIC)
    W=[0]
    def mark(what):
        import os
        w=float(open("/proc/uptime").read().split()[0])
        out.append(f"{what}: {w-W[0]:.2f}"); W[0]=w
    mark("start")
    out.append(f"calls {program.calls} world {program.world_seconds} {program.how_it_ended()} {program.stderr}")
    s3=aws.client("s3")
    n={k:[json.loads(x) for x in s3.get_object(Bucket=inputs.EXPORT_BUCKET,Key=k+".jsonl")["Body"].read().splitlines()] for k in ("customers","orders","lines")}
    mark("read")
    ddb=aws.client("dynamodb")
    items=0;pages=0; k={}
    while True:
        r=ddb.scan(TableName=inputs.TABLE,**k); items+=len(r["Items"]);pages+=1
        if "LastEvaluatedKey" not in r: break
        k={"ExclusiveStartKey":r["LastEvaluatedKey"]}
    mark(f"scan {items} {pages}")
    cs=Counter(o["customer_id"] for o in n["orders"])
    (c,m),(d,l)=cs.most_common(2)
    ls=Counter(o["order_id"] for o in n["lines"])
    o,q=ls.most_common(1)[0]
    for f,a in [("customer",dict(customer_id=c)),("orders_of",dict(customer_id=c,newest=5)),("orders_of",dict(customer_id=d,newest=5)),("orders_between",dict(customer_id=c,first_day="2000-01-01",last_day="2999-01-01")),
       ("orders_between",dict(customer_id=d,first_day="2026-06-01",last_day="2026-09-01")),("order",dict(order_id=o))]:
        x=program.call(f,**a); 
        mark(f"{f}{a}: {len(x)}")
    out.append(f"{m} {l} {q}")
    t=request.getfixturevalue("trace")
    mark(f"trace {len(t)}")
    for x in trace.of("Query")[-0:]: pass
    out.append([ (x.lane,x.operation,x.result) for x in request.config.stash[list(request.config.stash._storage)[0]].trace() if x.operation=="Query"] if 0 else "")
    assert 0, "\n".join(map(str,out))
