package pakasir

import (
	"fmt"
	"strconv"
	"strings"
)

// qris gives the text of a dynamic QRIS code that asks for an amount: EMVCo's
// Merchant-Presented Mode with Indonesia's fields, and its CRC at the end.
// https://www.emvco.com/emv-technologies/qr-codes/
func qris(merchant, order string, amount int64) string {
	const longestName, longestBill = 25, 25

	text := field("00", "01") + // version
		field("01", "12") + // for one payment
		field("26", field("00", "ID.CO.QRIS.WWW")+field("01", "936009180000000017")+field("02", "000000000000017")+field("03", "UMI")) +
		field("51", field("00", "ID.CO.QRIS.WWW")+field("02", "ID1020000000017")+field("03", "UMI")) +
		field("52", "5816") + // digital goods
		field("53", "360") + // rupiah
		field("54", strconv.FormatInt(amount, 10)) +
		field("58", "ID") +
		field("59", strings.ToUpper(merchant[:min(len(merchant), longestName)])) +
		field("60", "JAKARTA") +
		field("61", "10110") +
		field("62", field("01", order[:min(len(order), longestBill)])) +
		"6304"

	return text + fmt.Sprintf("%04X", crc16(text))
}

// field is one data object: its id, the length of its value, the value.
func field(id, value string) string { return fmt.Sprintf("%s%02d%s", id, len(value), value) }

// crc16 is CRC-16/IBM-3740 (polynomial 0x1021, start 0xFFFF), also called
// CCITT-FALSE.
func crc16(text string) uint16 {
	const polynomial, top = 0x1021, 0x8000

	sum := uint16(0xFFFF)

	for i := range len(text) {
		sum ^= uint16(text[i]) << 8

		for range 8 {
			if sum&top != 0 {
				sum = sum<<1 ^ polynomial
			} else {
				sum <<= 1
			}
		}
	}

	return sum
}
