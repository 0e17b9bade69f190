"""A bucket of private reports, some of them months old."""


def setup(aws, inputs, clock):
    s3 = aws.client("s3")
    figures = inputs.random("figures")
    with clock.ago(days=200):
        s3.create_bucket(Bucket=inputs.BUCKET)
    neighbours = [f"{year}/q{quarter}-draft.csv" for year in (2019, 2020) for quarter in (1, 2, 3, 4)]
    for age, key in enumerate([*neighbours, "board/minutes.txt", inputs.REPORT_KEY]):
        rows = "".join(f"{month},{figures.randint(10_000, 99_999)}\n" for month in range(1, 4))
        with clock.ago(days=100 - age):
            s3.put_object(
                Bucket=inputs.BUCKET, Key=key, Body=f"month,revenue\n{rows}".encode(), ContentType="text/csv"
            )
