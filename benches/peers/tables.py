"""subquad against scikit-learn on its small tables, on the same rows, both tuned by cross-validation on the training part.

    cargo build --release --features cli
    python benches/peers/tables.py target/release/subquad [--splits 5]

Five random splits, a fifth of the rows to test. Tuned: for subquad the damping, for the MLP layer size and L2 penalty,
for the linear models their penalty; all by 5-fold cross-validation on the training rows. Prints test accuracy, or R^2
for diabetes, in percent, as JSON lines: mean and standard deviation over the splits. `--write DIR` writes the tables of wine and
breast cancer (UCI repository, CC BY 4.0) as they lie in tests/data, and nothing else.
"""

import argparse
import csv
import json
import pathlib
import subprocess
import tempfile
import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
TABLES = {"wine": load_wine, "breast cancer": load_breast_cancer, "diabetes": load_diabetes}
DAMPINGS = ["0", "0.1", "1", "10", "100"]


def write(path, names, x, y):
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow([name.replace(" ", "_").replace("(", "").replace(")", "") for name in names] + ["target"])
        for row, target in zip(x, y):
            out.writerow([f"{v:.7g}" for v in row] + [target])


def subquad(program, room, names, x, y, classes, test):
    train, held = room / "train.csv", room / "test.csv"
    write(train, names, x, y)
    write(held, names, test, [y[0]] * len(test))
    task = ["--task", "classification" if classes else "regression", "--columns", "zscore"]

    def run(*args):
        return subprocess.run([program, *map(str, args)], check=True, capture_output=True, text=True).stdout

    def loss(damping):
        done = json.loads(run("train", train, "--damping", damping, "--folds", 5, "--json", *task).splitlines()[-1])
        return -done["test_accuracy"] + 1e-3 * done["test_mse"] if classes else done["test_mse"]

    damping = min(DAMPINGS, key=loss)
    model = room / "model.safetensors"
    run("train", train, "--damping", damping, "--test-fraction", 0, "--out", model, *task)
    said = run("predict", model, held).split()
    return np.array([int(v) if classes else float(v) for v in said]), damping


def main():
    options = argparse.ArgumentParser()
    options.add_argument("program", nargs="?")
    options.add_argument("--splits", type=int, default=5)
    options.add_argument("--write", type=pathlib.Path)
    options = options.parse_args()
    if options.write:
        for name in ["wine", "breast cancer"]:
            data = TABLES[name]()
            labels = [data.target_names[t] for t in data.target]
            write(options.write / f"{name.replace(' ', '_')}.csv", data.feature_names, data.data, labels)
        return
    for name, load in TABLES.items():
        data = load()
        classes = name != "diabetes"
        target = data.target if classes else data.target.astype(float)
        score = accuracy_score if classes else r2_score
        found = {"subquad": [], "MLP": [], "logistic" if classes else "ridge": []}
        dampings = []
        for seed in range(options.splits):
            parts = train_test_split(data.data, target, test_size=0.2, random_state=seed, stratify=target if classes else None)
            x, x_test, y, y_test = parts
            with tempfile.TemporaryDirectory() as room:
                said, damping = subquad(options.program, pathlib.Path(room), list(data.feature_names), x, list(y), classes, x_test)
            dampings.append(damping)
            found["subquad"].append(score(y_test, said))
            mlp = MLPClassifier if classes else MLPRegressor
            grid = {"m__hidden_layer_sizes": [(32,), (128,)], "m__alpha": [1e-3, 1e-1, 1, 10]}
            from sklearn.pipeline import Pipeline

            tuned = Pipeline([("s", StandardScaler()), ("m", mlp(solver="lbfgs", max_iter=300, random_state=0))])
            tuned = GridSearchCV(tuned, grid, cv=5).fit(x, y)
            found["MLP"].append(score(y_test, tuned.predict(x_test)))
            linear = LogisticRegressionCV(max_iter=2000) if classes else RidgeCV(np.logspace(-3, 4, 15))
            linear = make_pipeline(StandardScaler(), linear).fit(x, y)
            found["logistic" if classes else "ridge"].append(score(y_test, linear.predict(x_test)))
        case = f"{name}, {len(target)} rows, {'accuracy' if classes else 'R^2'}"
        for method, values in found.items():
            row = {"group": "tables", "case": case, "method": method, "mean": 100 * np.mean(values), "deviation": 100 * np.std(values)}
            if method == "subquad":
                row["note"] = f"damping {' '.join(dampings)}"
            print(json.dumps(row), flush=True)


main()
