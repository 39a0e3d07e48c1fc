"""A bot as its author would write it with aiogram. Only the address is ours.

With WEBHOOK_URL set it takes its updates by webhook on that address, else it
asks for them.
"""

import asyncio
import io
import os
from urllib.parse import urlsplit

from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramBadRequest
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.types import (
    BotCommand,
    BufferedInputFile,
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    LabeledPrice,
    Message,
    PreCheckoutQuery,
)
from aiogram.webhook.aiohttp_server import SimpleRequestHandler, setup_application
from aiohttp import web

dispatcher = Dispatcher()

# The smallest picture that is one: a white pixel.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c63f80f00010101005a4d6ff10000000049454e44ae426082"
)


@dispatcher.message(CommandStart(deep_link=True))
async def start_with(message: Message, command: CommandObject) -> None:
    await message.answer(f"Started with <b>{command.args}</b>", parse_mode="HTML")


@dispatcher.message(CommandStart())
async def start(message: Message) -> None:
    rows = [[InlineKeyboardButton(text="Count", callback_data="count:1")]]
    await message.answer("Welcome", reply_markup=InlineKeyboardMarkup(inline_keyboard=rows))


@dispatcher.callback_query(F.data.startswith("count:"))
async def count(query: CallbackQuery) -> None:
    number = int(query.data.split(":")[1])
    rows = [[InlineKeyboardButton(text="Count", callback_data=f"count:{number + 1}")]]
    await query.message.edit_text(f"Counted {number}", reply_markup=InlineKeyboardMarkup(inline_keyboard=rows))
    await query.answer(f"That was {number}", show_alert=True)


@dispatcher.message(Command("album"))
async def album(message: Message) -> None:
    pictures = [InputMediaPhoto(media=BufferedInputFile(PIXEL, f"{i}.png"), caption=f"picture {i}") for i in range(3)]
    await message.answer_media_group(pictures)


@dispatcher.message(Command("wrong"))
async def wrong(message: Message) -> None:
    try:
        await message.answer("<b>never closed", parse_mode="HTML")
    except TelegramBadRequest as error:
        await message.answer(f"refused: {error.message}")


@dispatcher.message(Command("buy"))
async def buy(message: Message) -> None:
    await message.answer_invoice("Coffee", "A cup", "cup-1", "XTR", prices=[LabeledPrice(label="Cup", amount=5)])


@dispatcher.pre_checkout_query()
async def check(query: PreCheckoutQuery) -> None:
    await query.answer(ok=query.invoice_payload == "cup-1")


@dispatcher.message(F.successful_payment)
async def paid(message: Message) -> None:
    await message.answer(f"Paid {message.successful_payment.total_amount}")


@dispatcher.message(F.voice)
async def voice(message: Message, bot: Bot) -> None:
    content = io.BytesIO()
    await bot.download(message.voice, content)
    await bot.send_chat_action(message.chat.id, "upload_document")
    document = BufferedInputFile(content.getvalue()[::-1], "reversed.bin")
    await message.reply_document(document, caption=f"{message.voice.duration} s, {len(content.getvalue())} bytes")


@dispatcher.edited_message(F.text)
async def edited(message: Message) -> None:
    await message.reply(f"You changed it to: {message.text}")


@dispatcher.message(F.text)
async def echo(message: Message) -> None:
    await message.send_copy(message.chat.id)


async def main() -> None:
    session = AiohttpSession(api=TelegramAPIServer.from_base(os.environ["API_SERVER"]))
    bot = Bot(os.environ["BOT_TOKEN"], session=session)
    await bot.set_my_commands([BotCommand(command="start", description="Begin"), BotCommand(command="buy", description="Buy")])

    address = os.environ.get("WEBHOOK_URL")
    if not address:
        await dispatcher.start_polling(bot)
        return

    app = web.Application()
    SimpleRequestHandler(dispatcher, bot, secret_token="secret-of-the-hook").register(app, path=urlsplit(address).path)
    setup_application(app, dispatcher, bot=bot)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", urlsplit(address).port).start()
    await bot.set_webhook(address, secret_token="secret-of-the-hook", max_connections=4)
    await asyncio.Event().wait()


asyncio.run(main())
