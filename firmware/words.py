"""Every word the bin can show: a sign, then two short lines in English, Arabic and French.

`{g}` is a weight in grams, `{c}` a credit, `{b}` a balance. The bin itself never reads this file:
`python -m farz.lettering` draws it into firmware/frames, one file a language, and the bin shows
those. Neither the Arabic nor the French has been reviewed by a native speaker.
"""

LANGUAGES = ("en", "ar", "fr")
RIGHT_TO_LEFT = ("ar",)

WORDS = {
    "starting": ("wait", "Starting|One moment", "بدء التشغيل|لحظة", "Démarrage|Un instant"),
    "welcome": (
        "card",
        "Welcome|Hold card here",
        "أهلا بكم|قرّبوا البطاقة",
        "Bienvenue|Posez la carte",
    ),
    "wait": ("wait", "Please wait|Weighing", "من فضلكم|جارٍ الوزن", "Un instant|Pesée en cours"),
    "open_lid": (
        "open",
        "Open the lid|Put it in, close",
        "افتحوا الغطاء|ضعوها ثم أغلقوا",
        "Ouvrez|Déposez, fermez",
    ),
    "open_balance": (
        "open",
        "Open the lid|Balance {b}",
        "افتحوا الغطاء|الرصيد {b}",
        "Ouvrez|Solde {b}",
    ),
    "close_lid": (
        "close",
        "Please close|the lid",
        "من فضلكم|أغلقوا الغطاء",
        "Fermez svp|le couvercle",
    ),
    "saved": ("check", "Saved|{g} g", "حُفظ|{g} غ", "Enregistré|{g} g"),
    "saved_unstable": ("check", "Saved to check|{g} g", "حُفظ للتدقيق|{g} غ", "À vérifier|{g} g"),
    "saved_uncalibrated": (
        "check",
        "Saved to check|Calibrate scale",
        "حُفظ للتدقيق|الميزان غير معاير",
        "À vérifier|Balance à régler",
    ),
    "saved_overload": (
        "full",
        "Too heavy|Saved to check",
        "وزن زائد|حُفظ للتدقيق",
        "Trop lourd|À vérifier",
    ),
    "saved_for_help": (
        "help",
        "Saved. Ask help|Weight unclear",
        "اطلبوا المساعدة|الوزن غير واضح",
        "Demandez l'aide|Poids incertain",
    ),
    "credited": ("coin", "{g} g +{c}|Balance {b}", "{g} غ +{c}|الرصيد {b}", "{g} g +{c}|Solde {b}"),
    "held": (
        "eye",
        "{g} g in review|+{c} expected",
        "{g} غ للمراجعة|+{c} متوقع",
        "{g} g à vérifier|+{c} attendus",
    ),
    "suspended": (
        "card",
        "{g} g kept|Register card",
        "{g} غ محفوظة|سجّلوا البطاقة",
        "{g} g gardés|Inscrivez la carte",
    ),
    "queued": (
        "clock",
        "{g} g, +{c} due|No budget today",
        "{g} غ +{c}|لاحقا، لا ميزانية اليوم",
        "{g} g, +{c} dû|Budget épuisé",
    ),
    "quarantined": (
        "help",
        "Kept for a check|Ask for help",
        "محفوظ للتدقيق|اطلبوا المساعدة",
        "À vérifier|Demandez l'aide",
    ),
    "noted": ("check", "Noted|Thank you", "سُجّل|شكرا", "Noté|Merci"),
    "balance": ("coin", "Your balance|{b}", "رصيدكم|{b}", "Votre solde|{b}"),
    "no_balance": (
        "clock",
        "Not known now|Ask again later",
        "غير معروف الآن|اسألوا لاحقا",
        "Inconnu|Demandez après",
    ),
    "journal_full": (
        "cross",
        "Memory is full|Come back later",
        "الذاكرة ممتلئة|عودوا لاحقا",
        "Mémoire pleine|Revenez plus tard",
    ),
    "bin_full": (
        "full",
        "Bin is full|Come back later",
        "الحاوية ممتلئة|عودوا لاحقا",
        "Bac plein|Revenez plus tard",
    ),
    "battery_low": (
        "battery",
        "Battery is low|Come back later",
        "البطارية ضعيفة|عودوا لاحقا",
        "Batterie faible|Revenez plus tard",
    ),
    "lid_forced": (
        "lock",
        "Lid was forced|Please close it",
        "فُتح الغطاء عنوة|أغلقوه من فضلكم",
        "Couvercle forcé|Refermez-le",
    ),
    "safe_mode": (
        "tool",
        "Being repaired|Come back later",
        "قيد الإصلاح|عودوا لاحقا",
        "En réparation|Revenez plus tard",
    ),
    "set_up": (
        "tool",
        "Set up by Wi-Fi|farz-setup",
        "إعداد الشبكة|farz-setup",
        "Réglage Wi-Fi|farz-setup",
    ),
    "not_steady": (
        "cross",
        "Scale not steady|Try again",
        "الميزان غير ثابت|حاولوا مجددا",
        "Pesée instable|Réessayez",
    ),
    "scale_failed": (
        "cross",
        "Scale is silent|Out of order",
        "الميزان لا يعمل|خارج الخدمة",
        "Balance muette|Hors service",
    ),
    "not_calibrated": (
        "cross",
        "Not calibrated|Out of order",
        "الميزان غير معاير|خارج الخدمة",
        "Balance à régler|Hors service",
    ),
    "two_cards": (
        "cross",
        "One card, please|Not two",
        "بطاقة واحدة|من فضلكم",
        "Une seule carte|s'il vous plaît",
    ),
    "card_failed": (
        "cross",
        "Card not read|Try again",
        "لم تُقرأ البطاقة|حاولوا مجددا",
        "Carte illisible|Réessayez",
    ),
    "card_moved": (
        "cross",
        "Hold card still|Try again",
        "ثبّتوا البطاقة|حاولوا مجددا",
        "Carte bougée|Réessayez",
    ),
    "card_nameless": (
        "cross",
        "Not a town card|Use your card",
        "ليست بطاقة البلدة|استعملوا بطاقتكم",
        "Carte étrangère|Prenez la vôtre",
    ),
    "reader_failed": (
        "cross",
        "Card reader dead|Out of order",
        "قارئ معطّل|خارج الخدمة",
        "Lecteur en panne|Hors service",
    ),
    "broker_unknown": (
        "lock",
        "Network not ours|Ask technician",
        "شبكة غير موثوقة|اطلبوا الفني",
        "Réseau étranger|Voir technicien",
    ),
    "broker_refuses": (
        "lock",
        "Network says no|Ask technician",
        "الشبكة ترفض|اطلبوا الفني",
        "Réseau refuse|Voir technicien",
    ),
    "link_denied": (
        "lock",
        "Sending denied|Ask technician",
        "الإرسال مرفوض|اطلبوا الفني",
        "Envoi interdit|Voir technicien",
    ),
    "nobody_listens": (
        "help",
        "No one listens|Ask technician",
        "لا أحد يستقبل|اطلبوا الفني",
        "Nul n'écoute|Voir technicien",
    ),
    "settings_refused": (
        "tool",
        "Settings refused|Ask technician",
        "رُفضت إعدادات|اطلبوا الفني",
        "Réglage refusé|Voir technicien",
    ),
    "order_refused": (
        "tool",
        "Order refused|Ask technician",
        "رُفض أمر|اطلبوا الفني",
        "Ordre refusé|Voir technicien",
    ),
    "identify": ("help", "Here I am|This bin", "أنا هنا|هذه الحاوية", "Je suis ici|Ce bac"),
    "unknown_card": (
        "card",
        "Card not known|Register it",
        "بطاقة غير معروفة|سجّلوها",
        "Carte inconnue|Inscrivez-la",
    ),
    "blocked_card": (
        "cross",
        "Card is blocked|Ask for help",
        "البطاقة موقوفة|اطلبوا المساعدة",
        "Carte bloquée|Demandez l'aide",
    ),
    "menu_empty": (
        "open",
        "Empty the bin|Card: yes",
        "تفريغ الحاوية|البطاقة: نعم",
        "Vider le bac|Carte: oui",
    ),
    "menu_tare": (
        "help",
        "Set to zero|Card: yes",
        "تصفير الميزان|البطاقة: نعم",
        "Mise à zéro|Carte: oui",
    ),
    "menu_weigh": (
        "eye",
        "Check weight|Card: yes",
        "فحص الوزن|البطاقة: نعم",
        "Vérifier poids|Carte: oui",
    ),
    "menu_leave": (
        "close",
        "Leave service|Card: yes",
        "إنهاء الصيانة|البطاقة: نعم",
        "Quitter|Carte: oui",
    ),
    "weighs": ("eye", "On the scale|{g} g", "على الميزان|{g} غ", "Sur balance|{g} g"),
    "emptied": ("check", "Emptied|Thank you", "أُفرغت|شكرا", "Vidé|Merci"),
    "tared": ("check", "Zero is set|Thank you", "ضُبط الصفر|شكرا", "Zéro réglé|Merci"),
    "service_refused": (
        "cross",
        "Not accepted|Ask the office",
        "غير مقبولة|اسألوا المكتب",
        "Refusée|Voir le bureau",
    ),
    "serviced": ("open", "Service|Lid is open", "صيانة|الغطاء مفتوح", "Entretien|Bac ouvert"),
    "flash_failed": (
        "cross",
        "Cannot save|Out of order",
        "تعذّر الحفظ|خارج الخدمة",
        "Mémoire en panne|Hors service",
    ),
}
