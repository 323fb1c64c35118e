"""Every word the bin can say, in English and Arabic, two short lines each.

`{}` places take the values in the order given to lines(): grams, then credit and balance.
"""

LANGUAGES = ("en", "ar")

WORDS = {
    "welcome": ("Welcome|Hold card here", "أهلا بكم|قرّبوا البطاقة"),
    "wait": ("Please wait|Weighing", "انتظروا من فضلكم|جارٍ الوزن"),
    "open_lid": ("Open the lid|Put it in, close", "افتحوا الغطاء|ضعوا النفايات وأغلقوا"),
    "close_lid": ("Please close|the lid", "من فضلكم|أغلقوا الغطاء"),
    "saved": ("Saved|{} g", "حُفظ|{} غ"),
    "saved_unstable": ("Saved to check|{} g", "حُفظ للتدقيق|{} غ"),
    "saved_for_help": ("Saved. Ask help|Weight unclear", "حُفظ، اطلبوا المساعدة|الوزن غير واضح"),
    "credited": ("{} g: +{}|Balance {}", "{} غ: +{}|الرصيد {}"),
    "held": ("{} g in review|+{} expected", "{} غ: قيد المراجعة|+{} متوقع"),
    "suspended": ("{} g kept|Register card", "{} غ محفوظة لكم|سجّلوا البطاقة"),
    "queued": ("{} g, +{} due|No budget today", "{} غ: +{} لاحقا|لا ميزانية اليوم"),
    "quarantined": ("Kept for a check|Ask for help", "محفوظ للتدقيق|اطلبوا المساعدة"),
    "noted": ("Noted|Thank you", "سُجّل|شكرا"),
    "journal_full": ("Memory is full|Come back later", "الذاكرة ممتلئة|عودوا لاحقا"),
    "bin_full": ("Bin is full|Come back later", "الحاوية ممتلئة|عودوا لاحقا"),
    "not_steady": ("Scale not steady|Try again", "الميزان غير مستقر|حاولوا مجددا"),
    "scale_failed": ("Scale is silent|Out of order", "الميزان لا يستجيب|خارج الخدمة"),
    "two_cards": ("One card, please|Not two", "بطاقة واحدة فقط|من فضلكم"),
    "card_failed": ("Card not read|Try again", "لم تُقرأ البطاقة|حاولوا مجددا"),
    "card_moved": ("Hold card still|Try again", "ثبّتوا البطاقة|حاولوا مجددا"),
    "card_nameless": ("Not a town card|Use your card", "ليست بطاقة البلدة|استعملوا بطاقتكم"),
    "reader_failed": ("Card reader dead|Out of order", "قارئ البطاقات معطل|خارج الخدمة"),
    "flash_failed": ("Cannot save|Out of order", "تعذّر الحفظ|خارج الخدمة"),
}


def lines(word: str, language: str, values: tuple, scale: int = 0) -> list:
    """Return the two lines of a word in a language; amounts have `scale` decimals."""
    text = WORDS[word][LANGUAGES.index(language)]
    shown = [str(value) for value in values[:1]] + [amount(v, scale) for v in values[1:]]
    return text.format(*shown[: text.count("{}")]).split("|")


def amount(minor: "int | None", scale: int) -> str:
    """Return minor units as people read them; a dash if they are not known."""
    if minor is None:
        return "-"
    digits = str(abs(minor))
    digits = "0" * (scale + 1 - len(digits)) + digits
    text = digits[:-scale] + "." + digits[-scale:] if scale else digits
    return "-" + text if minor < 0 else text
