from flask import Flask, jsonify, request

app = Flask(__name__)
entries = []


@app.get("/")
def index():
    return jsonify(service="guestbook", entries=entries)


@app.post("/entries")
def sign():
    entries.append(request.get_json()["text"])
    return jsonify(entries=len(entries)), 201
