from guestbook import app


def test_an_entry_is_kept():
    client = app.test_client()
    assert client.post("/entries", json={"text": "hello"}).status_code == 201
    assert client.get("/").get_json()["entries"] == ["hello"]
