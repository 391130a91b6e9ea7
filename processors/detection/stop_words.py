"""The words that carry no story in English, Turkish, Dutch and Romanian, folded as `tocsin.query.fold` folds them."""

from __future__ import annotations

from typing import Final

from tocsin.query import fold

_ENGLISH = """a about after again all also am an and any are aren't as at be because been before being but by can can't
could did didn't do does doesn't doing don't down for from further get gets getting go goes going gonna got
had has have having he her here hers him his how i if i'm in into is isn't it it's its i've just like me more
most much my no nor not now of off on once one only or other our out over own really same she should so some
still such than that that's the their them then there these they they're this those through to too under until
up us very was wasn't we we're were what when where which while who why will with won't would you your you're
yours mine ours theirs anyone someone everyone nobody anything something"""
_TURKISH = """acaba ama ancak artık aslında az bana bazı belki ben beni benim bile bir biri biz bize bizim bu buna bunu
bunun çok çünkü da daha de değil diye en eğer gibi hala hem hep her hiç için ile ise işte kadar kendi ki kim
mı mi mu mü nasıl ne neden nerede niye o olan olarak oldu olduğu olsun olur ona onlar onu onun sana sen siz
size sizin sonra şey şimdi şu tüm var ve veya ya yani yine yok zaten yüzünden dolayı böyle önce beri birisi kimse
hiçbir"""
_DUTCH = """aan al alle als altijd andere ben bij daar dan dat de der deze die dit doch doen door dus een eens en er ge
geen geweest haar had heb hebben heeft hem het hier hij hoe hun iemand iets ik in is ja je jij jullie kan kon
kunnen maar me meer men met mij mijn moet na naar niet niets nog nu of om omdat onder ons onze ook op over
reeds te tegen toch toen tot uit uw van veel voor want waren was wat we wel werd wezen wie wij wil worden
wordt zal ze zei zelf zich zij zijn zo zonder zou waarom wanneer iedereen niemand"""
_ROMANIAN = """acea aceasta această aceea aceia acest acesta aceste acestea acești acum ai aici al ale am ar are asta astea
așa atunci au ăla ăsta ba că căci când care cât ce cei cel cele cine cu cum da dacă dar de deci decât deja din
doar după ea ei el ele era este eu există fără fi fie foarte fost iar îi îl îmi în încă între își îți la le li
lor lui mai mea mei mele mult mă ne nici niște noastră nostru noi nu o or ori pe pentru până prin sa sale sau
să se si și spre sub sunt suntem ta te tot tu un una unde unei unor unui va vă vi voi vor vostru despre cineva
nimeni ceva vreo vreun"""

STOP_WORDS: Final = frozenset(
    fold(word) for words in (_ENGLISH, _TURKISH, _DUTCH, _ROMANIAN) for word in words.split()
) | {"rt", "via", "amp", "http", "https", "www", "com"}
