import io

import numpy as np
import pandas as pd

READINGS = """day,place,celsius
1,coast,12.5
1,hills,8.0
2,coast,13.5
2,hills,6.0
"""


def main():
    table = pd.read_csv(io.StringIO(READINGS)).pivot(index="day", columns="place", values="celsius")
    slope, _ = np.polyfit(table.index, table["hills"], 1)
    print(table.mean().to_string())
    print(f"the hills cool by {-slope:.1f} degrees a day")


if __name__ == "__main__":
    main()
