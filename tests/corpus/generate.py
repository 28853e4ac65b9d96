#!/usr/bin/env python3
"""Writes tasklane.jsonl: labelled requests in the order of time, as a front end and other clients would send them.

Every text is written for this project. Each language has a conversation and templates of its own; what surrounds them
(key order, headers, order of requests, pauses) follows what front ends do. Run it again after a change:
    tests/corpus/generate.py > tests/corpus/tasklane.jsonl
"""
import json
import sys

# language: first question, first answer, second question, second answer, and the templates of an administrator.
# {c} stands for the rendered conversation, {p} for the last question alone.
LANGUAGES = {
    "de": ("Wie lagere ich Möhren über den Winter ohne Erdkeller?",
           "In feuchtem Sand, kühl und dunkel, zum Beispiel in einer Kiste auf dem Balkon.",
           "Und was mache ich, wenn der Sand gefriert?",
           "Die Kiste mit Stroh und Decken einpacken.",
           "Nenne eine knappe Überschrift für dieses Gespräch. Gib nur JSON aus: {{\"title\": \"Überschrift\"}}\n\n{c}",
           "Welche Schlagwörter passen? Antwort als JSON-Objekt {{\"tags\": [\"a\", \"b\"]}}.\n---\n{c}\n---",
           "Überlege drei Anschlussfragen aus Sicht der fragenden Person: {{\"follow_ups\": [\"…\"]}}\n\n{c}",
           "Brauchen wir eine Websuche? Liefere {{\"queries\": []}} oder Suchbegriffe darin.\n{c}\n"),
    "fr": ("Quelle essence de bois choisir pour une planche à découper ?",
           "Le hêtre ou l'érable : dense, sans goût, facile à poncer.",
           "Faut-il l'huiler avant la première utilisation ?",
           "Oui, deux couches d'huile de lin alimentaire.",
           "Trouve un titre bref pour l'échange ci-dessous.\n{c}\nRéponds en JSON : {{\"title\": \"...\"}}",
           "Classe l'échange par mots-clés, au format {{ \"tags\": [] }}.\n<echange>\n{c}\n</echange>",
           "Propose trois suites possibles ; JSON attendu : {{ \"follow_ups\": [] }}\n{c}",
           "Donne les requêtes utiles pour un moteur de recherche sous la forme {{\"queries\": [\"...\"]}} : « {p} »"),
    "es": ("¿Cada cuánto hay que purgar los radiadores de una casa antigua?",
           "Una vez al año, antes de encender la calefacción en otoño.",
           "¿Y si después de purgarlos siguen haciendo ruido?",
           "Comprueba la presión de la caldera.",
           "Resume la charla en un titular corto. Formato: {{\"title\": \"titular\"}}\n\n{c}",
           "Devuelve un JSON con la clave \"tags\" y de una a tres etiquetas.\n\n{c}",
           "Escribe tres preguntas que la persona podría hacer ahora, {{\"follow_ups\": [\"...\"]}}.\n{c}",
           "Decide qué buscar en internet: {{\"queries\": [\"...\"]}}\n{c}"),
    "it": ("Come si toglie la ruggine da una vecchia chiave inglese?",
           "Immergila in aceto per una notte, poi spazzola e asciuga bene.",
           "L'aceto non rovina la cromatura?",
           "Sì, se resta immersa troppo a lungo.",
           "Dai un titolo di poche parole, solo JSON {{\"title\": \"...\"}}.\n{c}",
           "Etichette per la conversazione ({{\"tags\": [\"...\"]}}):\n{c}",
           "Suggerisci come potrebbe proseguire: {{\"follow_ups\": [\"...\", \"...\"]}}\n\n{c}",
           "Parole da cercare, in JSON {{\"queries\": []}}. Messaggio: \"{p}\""),
    "pl": ("Jak zabezpieczyć stare drewniane okna przed przeciągami?",
           "Uszczelka silikonowa w wyfrezowanym rowku i nowy kit przy szybach.",
           "Czy można to zrobić zimą?",
           "Lepiej poczekać na dziesięć stopni.",
           "Wymyśl krótki tytuł rozmowy i zwróć {{\"title\": \"tytuł\"}}.\n\n{c}",
           "Przypisz rozmowie kategorie: {{\"tags\": []}}\n\n{c}",
           "Podaj trzy kolejne pytania użytkownika jako {{\"follow_ups\": []}}\n{c}",
           "Jakie zapytania wpisać w wyszukiwarkę? {{\"queries\": []}}\n{c}"),
    "ru": ("Чем замазать трещину в глиняном горшке для цветов?",
           "Подойдёт водостойкий клей на основе эпоксидной смолы.",
           "А корням растения это не повредит?",
           "После полного застывания смола безвредна.",
           "Придумай название беседы, ответ строго {{\"title\": \"...\"}}\n\n{c}",
           "Темы беседы списком в JSON: {{\"tags\": []}}\n{c}",
           "О чём человек спросит дальше? Верни {{\"follow_ups\": []}}.\n\n{c}",
           "Составь поисковые запросы {{\"queries\": []}} для сообщения: {p}"),
    "ja": ("鉄のフライパンの焦げ付きをきれいに落とす方法を教えてください。",
           "空焼きしてから木べらでこそげ、油をなじませます。",
           "空焼きは何分くらい必要ですか？",
           "煙が出てから三分ほどです。",
           "次のやりとりに短い題名を付け、{{\"title\": \"題名\"}} の形だけで返してください。\n\n{c}",
           "会話の分類語を {{\"tags\": [\"語\"]}} で出力。\n{c}",
           "利用者が次に聞きそうなことを三つ、{{\"follow_ups\": [\"…\"]}} で。\n{c}",
           "「{p}」について検索する語句を {{\"queries\": [\"…\"]}} で答えてください。"),
    "zh": ("阳台上种番茄需要多深的花盆才够用？",
           "至少三十厘米深，底部要有排水孔。",
           "多久施一次肥比较合适？",
           "开花以后每两周一次。",
           "请为下面的对话取一个简短标题，只返回 {{\"title\": \"标题\"}}：\n{c}",
           "给对话加上标签，格式 {{\"tags\": [\"标签\"]}}\n\n{c}",
           "猜猜用户接下来会问什么：{{\"follow_ups\": [\"问题\"]}}\n{c}",
           "是否需要上网查询？返回 {{\"queries\": [\"关键词\"]}}。\n{c}\n"),
    "ko": ("자전거 체인에 기름은 얼마나 자주 쳐야 하나요?",
           "백오십 킬로미터마다, 비를 맞은 뒤에는 바로 치세요.",
           "주방용 기름을 써도 괜찮을까요?",
           "먼지가 달라붙으니 쓰지 마세요.",
           "아래 대화의 제목을 지어 {{\"title\": \"제목\"}} 형식으로만 답하세요.\n\n{c}",
           "대화에 맞는 태그를 {{\"tags\": [\"태그\"]}}로 출력하세요.\n{c}",
           "사용자가 이어서 물을 만한 것 셋: {{\"follow_ups\": [\"질문\"]}}\n{c}",
           "검색어가 필요하면 {{\"queries\": [\"검색어\"]}}: {p}"),
    "ar": ("كيف أحافظ على النعناع طازجا أطول مدة ممكنة؟",
           "ضعه في كوب ماء داخل الثلاجة وغطه بكيس.",
           "وهل يصلح التجميد أيضا؟",
           "نعم، في قوالب الثلج مع قليل من الماء.",
           "اكتب عنوانا قصيرا للمحادثة بصيغة {{\"title\": \"عنوان\"}} فقط.\n\n{c}",
           "صنف المحادثة بوسوم: {{\"tags\": []}}\n{c}",
           "اقترح ثلاثة أسئلة تالية {{\"follow_ups\": []}}\n\n{c}",
           "حدد كلمات البحث {{\"queries\": []}} للرسالة: {p}"),
    "hi": ("पुराने ऊनी स्वेटर से रोएँ कैसे हटाएँ?",
           "सपाट सतह पर रखकर हल्के हाथ से रेज़र चलाएँ।",
           "क्या धोने से पहले करना चाहिए?",
           "हाँ, और बाद में उलटा करके धोएँ।",
           "नीचे की बातचीत का छोटा शीर्षक दें, केवल {{\"title\": \"शीर्षक\"}}।\n\n{c}",
           "बातचीत के विषय {{\"tags\": []}} में लिखें।\n{c}",
           "आगे के तीन सवाल सुझाएँ: {{\"follow_ups\": []}}\n{c}",
           "खोज के शब्द {{\"queries\": []}} में दें।\n{c}"),
    "tr": ("Bakır cezvenin içindeki kalay aşınırsa ne yapmalıyım?",
           "Bir ustaya yeniden kalaylatmadan kullanmayın.",
           "Evde kendim yapabilir miyim?",
           "Zor; yüksek ısı ve deneyim ister.",
           "Sohbete kısa bir başlık bul ve {{\"title\": \"başlık\"}} olarak döndür.\n\n{c}",
           "Sohbetin etiketleri, {{\"tags\": []}} biçiminde:\n{c}",
           "Kullanıcı sonra ne sorabilir? {{\"follow_ups\": []}}\n{c}",
           "Arama motoru için {{\"queries\": []}} hazırla: {p}"),
}

TOOLS = [{"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}]


class Recording:
    def __init__(self):
        self.lines = []
        self.t = 0.0

    def add(self, label, body, wait=0.02, path="/v1/chat/completions", headers=None, **more):
        self.t = round(self.t + wait, 3)
        line = {"id": f"{len(self.lines) + 1:04d}", "t": self.t, "label": label, "method": "POST", "path": path,
                "headers": headers or [["Host", "127.0.0.1"], ["Content-Type", "application/json"]], "body": body}
        line.update(more)
        self.lines.append(line)


def rendered(messages):
    return "\n".join(f"{role.upper()}: {text}" for role, text in messages)


def roles(messages):
    return [{"role": role, "content": text} for role, text in messages]


def chat(messages, stream=True, tools=False, system=None):
    body = {"stream": stream, "model": "big", "messages": roles(messages)}
    if system:
        body["messages"].insert(0, {"role": "system", "content": system})
    if tools:
        body["tools"] = TOOLS
    return body


def task(text, system=None, **more):
    messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": text}]
    return {"model": "big", "messages": messages, "stream": False, **more}


def framed(wish, contract, messages, tail=""):
    return (f"### Task:\n{wish}\n### Output:\nJSON format: {contract}\n### Chat History:\n<chat_history>\n"
            f"{rendered(messages)}\n</chat_history>{tail}")


def new_front_end(rec, lang, texts):
    """A new chat as newer releases send it: the title first and beside the chat, an empty answer in it."""
    q1, a1, q2, a2, title, tags, follow, query = texts
    fill = lambda t, m: t.format(c=rendered(m), p=q1)
    first = [("user", q1)]
    asked = [("user", q1), ("assistant", "")]
    rec.add("title", task(fill(title, asked), max_tokens=1000), 5, template="custom", language=lang)
    rec.add("chat", chat(first, tools=True), 0.04, language=lang)
    rec.add("follow_up", task(fill(follow, asked)), 4, template="custom", language=lang)
    rec.add("tags", task(fill(tags, asked)), 1, template="custom", language=lang)
    second = [("user", q1), ("assistant", a1), ("user", q2)]
    rec.add("chat", chat(second, tools=True), 9, language=lang)
    rec.add("follow_up", task(fill(follow, second + [("assistant", a2)])), 3, template="custom", language=lang)


def old_front_end(rec, lang, texts):
    """A chat as older releases send it, on Ollama: a query that blocks, the chat, then title and tags."""
    q1, a1, q2, a2, title, tags, follow, query = texts
    fill = lambda t, m: t.format(c=rendered(m), p=q2)
    ollama = "/api/chat"
    before = [("user", q1), ("assistant", a1)]
    now = before + [("user", q2)]
    rec.add("chat", {"model": "big", "messages": roles(before[:1]), "stream": True}, 6, ollama, language=lang)
    # Before its chat nothing tells it from a router's question: "early" templates are left alone.
    rec.add("query", task(fill(query, now)), 20, ollama, template="early", language=lang)
    rec.add("chat", {"model": "big", "messages": roles(now), "stream": True}, 0.5, ollama, language=lang)
    after = now + [("assistant", a2)]
    rec.add("title", task(fill(title, after[-2:]), system="You are the clerk of a garden club."), 5, ollama,
            template="custom", language=lang)
    rec.add("tags", task(fill(tags, after)), 0.4, ollama, template="custom", language=lang)


def default_tasks(rec, lang, texts):
    """Tasks in the frame that the front end's own templates have, whatever their words."""
    q1, a1, q2, a2 = texts[:4]
    history = [("user", q1), ("assistant", a1)]
    for label, contract in [("title", '{ "title": "x" }'), ("tags", '{ "tags": ["x"] }'),
                            ("follow_up", '{ "follow_ups": ["x"] }'), ("query", '{\n  "queries": ["x"]\n}'),
                            ("image_prompt", '{\n    "prompt": "x"\n}')]:
        for path in ("/api/chat", "/v1/chat/completions"):
            rec.add(label, task(framed("Do it well.", contract, history)), 0.3, path, template="default",
                    language=lang)
    typed = q2[: max(4, len(q2) // 2)]
    rec.add("autocomplete", task(f"### Task:\nGo on with it: {{ \"text\": \"...\" }}\n<type>General</type>\n### Context:\n"
                                 f"<chat_history>\n{rendered(history)}\n</chat_history>\n<type>general</type>  \n"
                                 f"<text>{typed}</text>  \n#### Output:\n"), 1, template="default", language=lang)
    rec.add("emoji", task("Your task is to reflect the speaker's likely facial expression through a fitting emoji.\n\n"
                          f"Message: ```{a1}```", max_tokens=4), 1, template="default", language=lang)


def hard_negatives(rec, lang, texts):
    """Chats of people and programs that look like tasks in one way or another."""
    q1, a1, q2, a2, title = texts[:5]
    pasted = framed("Name it.", '{ "title": "x" }', [("user", q2), ("assistant", a2)])
    rec.add("chat", chat([("user", pasted)]), 30, scenario="a pasted task, streamed", language=lang)
    rec.add("chat", chat([("user", pasted)], stream=False, tools=True), 30, scenario="pasted, with tools",
            language=lang)
    rec.add("chat", chat([("user", q1), ("assistant", a1), ("user", pasted)], stream=False), 30,
            scenario="pasted as a later turn", language=lang)
    rec.add("chat", chat([("user", "### Task:\nRespond to the user query using the provided context.\n<context>\n"
                           f"{a1}\n</context>\n\n{q1}")], stream=False), 30, "/api/chat",
            scenario="retrieved context", language=lang)
    rec.add("chat", task(f"{q1[::-1]} ({lang}-1)"), 30, scenario="a script's lone prompt", language=lang)
    foreign = f"{lang.upper()} 17/4: {a2[::-1]} {a1[::-1]}"
    rec.add("chat", task(f"Extract {{\"title\": \"\", \"tags\": []}} from this article:\n{foreign}"), 1,
            scenario="a script that asks for JSON", language=lang)
    channel = "You are big, participating in a threaded conversation. Be concise and conversational."
    rec.add("chat", chat([("user", f"User: @big {q1}")], stream=False, system=channel), 20, "/api/chat",
            scenario="a channel", language=lang)
    rec.add("chat", chat([("user", f"User: @big {q1}\nbig: {a1}\nUser: {q2}")], stream=False, system=channel), 20,
            "/api/chat", scenario="a channel", language=lang)
    rec.add("chat", task(f"{q1}\n{a1}", system="You are a sub-agent that works for a lead agent."), 20, "/api/chat",
            scenario="a sub-agent", language=lang)
    rec.add("chat", chat([("user", title.format(c="USER: …", p="…"))]), 20,
            scenario="a person who writes a template", language=lang)
    rec.add("compaction", task(f"### Task:\nWrite down what will be compacted.\n\n### Messages Being Compacted:\n"
                               f"{rendered([('user', q1), ('assistant', a1)])}\n\n### Recent Messages Kept In Context:"
                               f"\nUSER: {q2}", max_tokens=1000), 20, template="default", language=lang)
    rec.add("chat", task(f"{title.split('{')[0]}\n{rendered([('user', q1), ('assistant', a1), ('user', q2)])}",
                         max_tokens=1000), 20, scenario="a compaction in an administrator's words", language=lang)


def main():
    rec = Recording()
    for lang, texts in LANGUAGES.items():
        rec.t += 700  # what was remembered of the language before has faded
        new_front_end(rec, lang, texts)
        rec.t += 700
        old_front_end(rec, lang, texts)
        rec.t += 700
        default_tasks(rec, lang, texts)
        hard_negatives(rec, lang, texts)
    for i, line in enumerate(rec.lines):
        ascii_only = i % 2 == 0  # older releases write \u escapes and spaces, newer ones neither
        separators = (", ", ": ") if ascii_only else (",", ":")
        line["body"] = json.dumps(line["body"], ensure_ascii=ascii_only, separators=separators)
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
